//! The probe does the same on every host, and every client sees it.

use std::time::Duration;

use http::StatusCode;
use tokio::runtime::{Handle, RuntimeFlavor};
use tower_layer::Identity;
use tower_ready_testing::{Call, Route, Speaks, each_host};

each_host! {
    async fn an_answer_comes_back(host) {
        let server = host.serve(Identity::new()).await;
        let reply = server.call(Call::ok().answering_with("x-answer", "42")).await;
        reply.assert_ok();
        assert_eq!(reply.text(), "ok");
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.header("x-answer"), Some("42"));
        assert_eq!(server.hits(), 1);
        assert_eq!(server.counts().finished, 1);
    }

    async fn a_failure_speaks_the_callers_protocol(host) {
        let server = host.serve(Identity::new()).await;
        let call = Call::fail(StatusCode::CONFLICT, 10, "100 % taken: ✓")
            .answering_with("x-answer", "42");
        let reply = server.call(call).await;
        assert!(!reply.is_ok());
        reply.assert_rejected(StatusCode::CONFLICT, 10);
        assert_eq!(reply.header("x-answer"), Some("42"));
        match server.speaks() {
            Speaks::Http => assert_eq!(reply.text(), "100 % taken: ✓"),
            Speaks::Grpc => assert_eq!(reply.grpc().message(), "100 % taken: ✓"),
        }
    }

    async fn what_the_handler_saw_is_kept(host) {
        let server = host.serve(Mark("layered")).await;
        server.call(Call::ok().header("x-asked", "yes").on(Route::B)).await.assert_ok();
        let seen = server.last_seen();
        assert_eq!(seen.header("x-asked"), Some("yes"));
        assert_eq!(seen.extension(), Some(&Mark("layered")));
        assert!(seen.uri().path().to_lowercase().ends_with("/b"), "{}", seen.uri());
    }

    async fn every_route_answers(host) {
        let server = host.serve(Identity::new()).await;
        for route in Route::ALL {
            server.call(Call::ok().on(route)).await.assert_ok();
        }
        assert_eq!(server.hits(), 3);
    }

    async fn one_client_is_one_connection(host) {
        let server = host.serve(Identity::new()).await;
        for _ in 0..3 {
            server.call(Call::ok()).await.assert_ok();
        }
        assert_eq!(server.counts().connections, 1);
        let other = server.connect();
        other.call(Call::ok()).await.assert_ok();
        assert_eq!(server.counts().connections, 2);
    }

    async fn calls_wait_at_the_gate(host) {
        let server = host.serve(Identity::new()).await;
        let calls = [(); 3].map(|()| server.start(Call::ok().gated()));
        server.until(|counts| counts.waiting == 3).await;
        assert_eq!(server.concurrent(), 3);
        assert!(calls.iter().all(|call| !call.is_finished()));
        server.release(3);
        for call in calls {
            call.await.assert_ok();
        }
        assert_eq!(server.counts().peak, 3);
        assert_eq!(server.concurrent(), 0);
    }

    async fn an_open_gate_holds_nobody(host) {
        let server = host.serve(Identity::new()).await;
        server.gate().open();
        server.call(Call::ok().gated()).await.assert_ok();
    }

    async fn a_caller_that_hangs_up_abandons_its_call(host) {
        let server = host.serve(Identity::new()).await;
        let call = server.start(Call::ok().gated());
        server.until(|counts| counts.waiting == 1).await;
        call.hang_up().await;
        let counts = server.until(|counts| counts.abandoned == 1).await;
        assert_eq!((counts.finished, counts.concurrent, counts.waiting), (0, 0, 0));
        server.release(1);
        server.call(Call::ok().gated()).await.assert_ok();
    }

    async fn a_panic_is_counted_and_not_shown(host) {
        let server = host.serve(Identity::new()).await;
        let reply = server.call(Call::panic()).await;
        assert!(!reply.is_ok());
        assert!(!format!("{reply:?}").contains("K-4711"), "{reply:?}");
        server.until(|counts| counts.panics == 1).await;
        server.call(Call::ok()).await.assert_ok();
    }

    async fn a_stream_is_read_message_by_message(host) {
        let server = host.serve(Identity::new()).await;
        let mut stream = server.stream(Call::stream(2).then_wait()).await;
        assert_eq!(stream.message().await.as_deref(), Some("chunk 0"));
        assert_eq!(stream.message().await.as_deref(), Some("chunk 1"));
        server.until(|counts| counts.waiting == 1).await;
        assert_eq!(server.concurrent(), 1);
        server.release(1);
        assert_eq!(stream.message().await, None);
        let reply = stream.finish().await;
        reply.assert_ok();
        assert_eq!(reply.messages(), ["chunk 0", "chunk 1"]);
        assert_eq!(server.counts().finished, 1);
    }

    async fn a_stream_that_is_dropped_is_abandoned(host) {
        let server = host.serve(Identity::new()).await;
        let mut stream = server.stream(Call::stream(1).then_wait()).await;
        assert_eq!(stream.message().await.as_deref(), Some("chunk 0"));
        drop(stream);
        server.until(|counts| counts.abandoned == 1).await;
    }

    async fn a_stream_that_breaks_says_so(host) {
        let server = host.serve(Identity::new()).await;
        for call in [Call::stream(1).then_break(), Call::stream(1).then_panic()] {
            let reply = server.call(call).await;
            assert!(!reply.is_ok());
            // hyper cuts the connection at once, so over HTTP the chunk itself may be lost.
            assert_eq!(reply.broken().is_some(), server.speaks() == Speaks::Http);
        }
    }

    async fn a_failed_stream_has_no_messages(host) {
        let server = host.serve(Identity::new()).await;
        let mut stream = server.stream(Call::ok().at("/nowhere")).await;
        assert_eq!(stream.message().await, None);
        assert!(!stream.finish().await.is_ok());
    }

    async fn a_server_that_stops_lets_calls_end(host) {
        let mut server = host.serve(Identity::new()).await;
        let call = server.start(Call::ok().gated());
        server.until(|counts| counts.waiting == 1).await;
        server.begin_stop();
        server.release(1);
        call.await.assert_ok();
        server.stopped().await;
    }

    async fn a_dropped_server_frees_its_port(host) {
        let server = host.serve(Identity::new()).await;
        server.call(Call::ok()).await.assert_ok();
        let address = server.address();
        drop(server);
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    async fn plain_http_reaches_any_host(host) {
        let server = host.serve(Identity::new()).await;
        let reply = server.connect_http().call(Call::ok().at("/nowhere")).await;
        assert!(reply.broken().is_none(), "{reply:?}");
        assert!(reply.headers().contains_key("date"));
    }

    async fn a_test_may_pause_the_clock(host) {
        let server = host.serve(Identity::new()).await;
        tokio::time::pause();
        let hour = tokio::spawn(tokio::time::sleep(Duration::from_secs(3600)));
        let call = server.start(Call::ok().gated());
        server.until(|counts| counts.waiting == 1).await;
        tokio::time::advance(Duration::from_secs(3600)).await;
        hour.await.unwrap();
        assert!(!call.is_finished());
        server.release(1);
        call.await.assert_ok();
    }

    #[multi_thread]
    async fn a_test_may_have_two_threads(host) {
        let server = host.serve(Identity::new()).await;
        assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread);
        server.call(Call::ok()).await.assert_ok();
    }

    #[hosts(axum, hyper)]
    async fn an_upload_reaches_the_handler(host) {
        let server = host.serve(Identity::new()).await;
        server.call(Call::ok().body("hello")).await.assert_ok();
        assert_eq!(server.last_seen().body().as_ref(), b"hello");
        assert_eq!(server.last_seen().method(), http::Method::POST);
    }

    #[hosts(tonic, tonic_in_axum)]
    async fn a_grpc_reply_shows_the_wire(host) {
        let server = host.serve(Identity::new()).await;
        let reply = server.call(Call::ok()).await;
        assert_eq!(reply.body().as_ref(), b"\0\0\0\0\x04\x0a\x02ok");
        assert_eq!(reply.trailers()["grpc-status"], "0");
        let failed = server.call(Call::fail(StatusCode::CONFLICT, 10, "taken")).await;
        assert!(failed.trailers().is_empty(), "trailers-only: {failed:?}");
        assert_eq!(failed.headers()["grpc-status"], "10");
    }
}

/// A layer that adds itself to the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark(&'static str);

impl<S> tower_layer::Layer<S> for Mark {
    type Service = Marked<S>;

    fn layer(&self, inner: S) -> Marked<S> {
        Marked { inner, mark: *self }
    }
}

#[derive(Clone, Debug)]
struct Marked<S> {
    inner: S,
    mark: Mark,
}

impl<S, B> tower_service::Service<http::Request<B>> for Marked<S>
where
    S: tower_service::Service<http::Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> S::Future {
        request.extensions_mut().insert(self.mark);
        self.inner.call(request)
    }
}
