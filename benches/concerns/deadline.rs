//! Deadlines: what an answer in time costs, at once and after a wait.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::runtime::Builder;
use tower::timeout::TimeoutLayer;
use tower_layer::Layer;
use tower_ready_benches::{Cases, NoOp, Repeat, call};
use tower_ready_deadline::{ClientDeadlines, DeadlineLayer, Deadlines, DeadlinesBuilder};
use tower_service::Service;

use crate::requests::{get, grpc};

const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn cases(cases: &mut Cases) {
    // Peers make their timers in `call`, for which tokio wants a runtime around.
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime: &'static _ = Box::leak(Box::new(runtime.expect("a runtime")));
    Box::leak(Box::new(runtime.enter()));

    let bare = || layer(builder().extension(false));
    let asked = asking(get());
    let tower = TimeoutLayer::new(HOUR);
    let tower_http = || {
        let status = StatusCode::GATEWAY_TIMEOUT;
        tower_http::timeout::TimeoutLayer::with_status_code(status, HOUR)
    };
    cases
        .over("answer at once", "a no-op service", call(&get(), NoOp))
        .ours("a timeout", call(&get(), bare().layer(NoOp)))
        .ours("bodies, idle", {
            let all = builder().extension(false).http_bodies(true).idle(HOUR);
            call(&get(), layer(all).layer(NoOp))
        })
        .ours("a client", {
            let client = ClientDeadlines::builder().attempt(HOUR).build();
            call(&get(), client.expect("it is valid").layer().layer(NoOp))
        })
        .peer("tower Timeout", call(&get(), tower.layer(NoOp)))
        .peer("tower-http Timeout", call(&get(), tower_http().layer(NoOp)));

    cases
        .over("answer at once, by a header", "a no-op service", call(&asked, NoOp))
        .ours("a timeout", call(&asked, bare().layer(NoOp)))
        .ours("current", {
            let current = builder().extension(false).task_local(true);
            call(&asked, layer(current).layer(NoOp))
        })
        .ours("extension", call(&asked, layer(builder()).layer(NoOp)));

    cases
        .over("answer at once, gRPC", "a no-op service", call(&grpc(), NoOp))
        .ours("to the trailers", call(&grpc(), bare().layer(NoOp)));

    cases
        .over("answer after a wait", "a service that waits", waits(&get(), Waits))
        .ours("a timeout", waits(&get(), bare().layer(Waits)))
        .peer("tower Timeout", waits(&get(), tower.layer(Waits)))
        .peer("tower-http Timeout", waits(&get(), tower_http().layer(Waits)));

    cases
        .over("answer after a wait, by a header", "a service that waits", waits(&asked, Waits))
        .ours("a timeout", waits(&asked, bare().layer(Waits)))
        .ours("extension", waits(&asked, layer(builder()).layer(Waits)));

    let spent = layer(builder().floor(HOUR / 2));
    cases
        .over("too late", "a no-op service", call(&asked, NoOp))
        .ours("spent on arrival", call(&asked, spent.layer(NoOp)));
}

fn builder() -> DeadlinesBuilder {
    Deadlines::builder().timeout(HOUR)
}

fn layer(builder: DeadlinesBuilder) -> DeadlineLayer {
    builder.build().expect("it is valid").layer()
}

fn asking(mut request: Request<()>) -> Request<()> {
    let value = HeaderValue::from_static("30000");
    request.headers_mut().insert("x-request-timeout-ms", value);
    request
}

/// A service that is not done at the first poll, and is at the second.
#[derive(Clone, Copy)]
struct Waits;

impl<B> Service<Request<B>> for Waits {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Waiting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Waiting {
        black_box(&request);
        Waiting(false)
    }
}

struct Waiting(bool);

impl Future for Waiting {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
        } else {
            Poll::Pending
        }
    }
}

/// Calls a service and polls twice.
fn waits<S, R>(request: &Request<()>, mut service: S) -> Repeat
where
    S: Service<Request<()>, Response = R> + 'static,
    R: 'static,
{
    let request = request.clone();
    Repeat::of(move || {
        let context = &mut Context::from_waker(Waker::noop());
        let is_ready = matches!(service.poll_ready(context), Poll::Ready(Ok(())));
        assert!(is_ready, "the service is not ready");
        let mut future = pin!(service.call(black_box(request.clone())));
        assert!(future.as_mut().poll(context).is_pending(), "it does not wait");
        let Poll::Ready(Ok(response)) = future.as_mut().poll(context) else {
            panic!("the service has no answer");
        };
        black_box(&response);
    })
}
