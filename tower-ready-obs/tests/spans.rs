//! One span for each request, whose ids stand in every line that is logged for it.

use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tower_ready_obs::{Edge, Spans, TraceContext, Tracing, TracingBuilder};
use tower_ready_testing::{Call, Server, each_host};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn tracing() -> TracingBuilder {
    Tracing::builder().no_access_log()
}

/// What a plain `fmt` subscriber of this thread writes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn text() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone());
        // With a second subscriber around, tracing asks both whether they want an event.
        let _ = tower_ready_testing::logs::capture();
        (lines, tracing::subscriber::set_default(subscriber.finish()))
    }

    fn json() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
        let _ = tower_ready_testing::logs::capture();
        (lines, tracing::subscriber::set_default(subscriber.finish()))
    }

    /// The lines that hold this text.
    fn with(&self, text: &str) -> Vec<String> {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        all.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

/// A layer that logs as a handler does: when it is called, when it has an answer, for each frame of
/// the body, and when it is dropped.
mod talkative {
    use std::{
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use http::{Request, Response};
    use http_body::{Body, Frame};
    use pin_project_lite::pin_project;
    use tower::{Layer, Service};

    #[derive(Clone)]
    pub(crate) struct Talkative;

    #[derive(Clone)]
    pub(crate) struct Talks<S>(S);

    pub(crate) struct OnDrop(&'static str);

    pin_project! {
        pub(crate) struct Talking<T> {
            #[pin]
            inner: T,
            on_drop: OnDrop,
        }
    }

    impl Drop for OnDrop {
        fn drop(&mut self) {
            tracing::info!("talk: dropped {}", self.0);
        }
    }

    impl<S> Layer<S> for Talkative {
        type Service = Talks<S>;

        fn layer(&self, inner: S) -> Talks<S> {
            Talks(inner)
        }
    }

    impl<S, Q, B> Service<Request<Q>> for Talks<S>
    where
        S: Service<Request<Q>, Response = Response<B>>,
    {
        type Response = Response<Talking<B>>;
        type Error = S::Error;
        type Future = Talking<S::Future>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: Request<Q>) -> Self::Future {
            tracing::info!("talk: called");
            Talking { inner: self.0.call(request), on_drop: OnDrop("the work") }
        }
    }

    impl<F, B, E> Future for Talking<F>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        type Output = Result<Response<Talking<B>>, E>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            tracing::info!("talk: polled");
            let answer = ready!(self.project().inner.poll(cx));
            Poll::Ready(answer.map(|response| {
                response.map(|inner| Talking { inner, on_drop: OnDrop("the body") })
            }))
        }
    }

    impl<B: Body> Body for Talking<B> {
        type Data = B::Data;
        type Error = B::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
            tracing::info!("talk: frame");
            self.project().inner.poll_frame(cx)
        }
    }
}

use talkative::Talkative;

/// Waits until the server has let go of the call.
async fn over(server: &Server) {
    server.until(|counts| counts.concurrent == 0).await;
}

each_host! {
    async fn every_line_of_a_request_shows_its_ids_as_text(host) {
        let (lines, _guard) = Lines::text();
        let server = host.serve((tracing().edge(Edge::Trusted).build().unwrap().layer(), Talkative)).await;
        let call = Call::stream(2).header("traceparent", CALLER).header("x-request-id", "mine");
        server.call(call).await.assert_ok();
        over(&server).await;

        let own = TraceContext::extract(server.last_seen().headers()).unwrap();
        let talk = lines.with("talk: ");
        for said in ["called", "polled", "frame", "dropped the work", "dropped the body"] {
            assert!(talk.iter().any(|line| line.contains(said)), "{said}: {talk:#?}");
        }
        for line in talk {
            assert!(line.contains(&format!("trace_id={TRACE}")), "{line}");
            assert!(line.contains(&format!("span_id={}", own.span_id())), "{line}");
            assert!(line.contains("request_id=mine"), "{line}");
        }
    }

    async fn every_line_of_a_request_shows_its_ids_as_json(host) {
        let (lines, _guard) = Lines::json();
        let server = host.serve((tracing().build().unwrap().layer(), Talkative)).await;
        let reply = server.call(Call::stream(2)).await;
        over(&server).await;

        let own = TraceContext::extract(server.last_seen().headers()).unwrap();
        let talk = lines.with("talk: ");
        assert!(talk.len() >= 5, "{talk:#?}");
        for line in talk {
            let line: Value = serde_json::from_str(&line).unwrap();
            let span = &line["span"];
            assert_eq!(span["name"], "request", "{line}");
            assert_eq!(span["trace_id"], own.trace_id().to_string(), "{line}");
            assert_eq!(span["span_id"], own.span_id().to_string(), "{line}");
            assert_eq!(span["request_id"], reply.header("x-request-id").unwrap(), "{line}");
        }
    }

    async fn work_that_is_given_up_shows_them_when_it_is_dropped(host) {
        let (lines, _guard) = Lines::text();
        let server = host.serve((tracing().edge(Edge::Trusted).build().unwrap().layer(), Talkative)).await;
        let call = server.start(Call::ok().gated().header("x-request-id", "mine"));
        server.until(|counts| counts.waiting == 1).await;
        call.hang_up().await;
        server.until(|counts| counts.abandoned == 1 && counts.concurrent == 0).await;
        let dropped = lines.with("talk: dropped the work");
        assert_eq!(dropped.len(), 1, "{dropped:?}");
        assert!(dropped[0].contains("request_id=mine"), "{dropped:?}");
    }

    async fn a_span_stands_in_none_of_another_request(host) {
        let (lines, _guard) = Lines::text();
        let server = host.serve((tracing().edge(Edge::Trusted).build().unwrap().layer(), Talkative)).await;
        for id in ["first", "second"] {
            server.call(Call::ok().header("x-request-id", id)).await.assert_ok();
        }
        over(&server).await;
        for line in lines.with("talk: ") {
            assert_eq!(line.matches("request_id=").count(), 1, "{line}");
        }
    }

    async fn a_trace_that_is_not_sampled_can_be_seen_too(host) {
        let (lines, _guard) = Lines::text();
        let server = host.serve((tracing().sample(0.0).build().unwrap().layer(), Talkative)).await;
        let reply = server.call(Call::ok()).await;
        over(&server).await;
        let own = TraceContext::extract(server.last_seen().headers()).unwrap();
        assert!(!own.is_sampled());
        for line in lines.with("talk: ") {
            assert!(line.contains(&format!("trace_id={}", own.trace_id())), "{line}");
            assert!(line.contains(reply.header("x-request-id").unwrap()), "{line}");
        }
    }

    async fn or_it_has_no_span_at_all(host) {
        let (lines, _guard) = Lines::text();
        let tracing = tracing().edge(Edge::Trusted).sample(0.0).spans(Spans::Sampled);
        let server = host.serve((tracing.build().unwrap().layer(), Talkative)).await;
        server.call(Call::ok()).await.assert_ok();
        server.call(Call::ok().header("traceparent", CALLER)).await.assert_ok();
        over(&server).await;
        let called = lines.with("talk: called");
        assert!(!called[0].contains("trace_id"), "{called:?}");
        assert!(called[1].contains(TRACE), "the caller has sampled it: {called:?}");
    }

    async fn spans_may_be_off(host) {
        let (lines, _guard) = Lines::text();
        let server = host.serve((tracing().spans(Spans::None).build().unwrap().layer(), Talkative)).await;
        server.call(Call::ok()).await.assert_ok();
        assert!(lines.with("trace_id").is_empty());
        assert!(TraceContext::extract(server.last_seen().headers()).is_some());
    }
}
