//! What errors cost in allocations: nothing for an answer that is good, little for a problem.
//!
//! Exact counts, so a change of one is a change of the code.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_core::LocalRejection;
use tower_ready_problem::{Caller, Problem, ProblemLayer, ProblemType, types};
use tower_ready_testing::alloc;

static OUT_OF_STOCK: ProblemType =
    ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");

const DETAIL: &str = "no teapot is left";

/// How often a piece of code allocates, after what the thread does only once.
fn allocations<T>(mut run: impl FnMut() -> T) -> u64 {
    run();
    alloc::count(run).count
}

fn request(content_type: &'static str) -> Request<()> {
    Request::builder()
        .method(Method::POST)
        .uri("/orders/42?full=true")
        .header("content-type", content_type)
        .header("x-request-id", "0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .body(())
        .unwrap()
}

/// As a limiter does it.
fn rejection() -> Problem {
    Problem::new(&types::QUOTA_EXCEEDED)
        .detail(DETAIL)
        .retry_after(Duration::from_secs(7))
        .rejected_by(LocalRejection::new("ratelimit", "quota"))
}

/// What a call beyond its request allocates, to the end of the answer's body.
fn call<S, B>(mut service: S, request: Request<()>) -> u64
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body,
{
    let context = &mut Context::from_waker(Waker::noop());
    assert!(service.poll_ready(context).is_ready());
    let called = || {
        let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(context) else {
            panic!("there is no answer")
        };
        let mut body = pin!(response.into_body());
        while let Poll::Ready(Some(_)) = body.as_mut().poll_frame(context) {}
    };
    alloc::count(called).count
}

fn handle(_: Request<()>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
}

#[test]
fn an_answer_that_is_good_allocates_nothing() {
    for content_type in ["application/json", "application/grpc"] {
        let service = ProblemLayer::default().layer(service_fn(handle));
        // The first clone of a value that hosts made makes its count.
        let request = request(content_type);
        drop(request.clone());
        let count = call(service, request);
        assert_eq!(count, 0, "ProblemService, its future or its body, {content_type}");
    }
}

#[test]
fn a_problem_is_one_allocation_and_its_json_another() {
    let problem = || Problem::new(&OUT_OF_STOCK).detail(DETAIL);
    assert_eq!(allocations(problem), 1, "Problem itself");
    assert_eq!(allocations(|| problem().to_json()), 2, "the JSON of a problem");
}

#[test]
fn a_rejection_makes_at_most_ten_allocations() {
    for (content_type, expected) in [("application/json", 8), ("application/grpc", 10)] {
        let caller = Caller::of(&request(content_type));
        let count = allocations(|| rejection().answer(&caller));
        assert_eq!(count, expected, "Problem::answer, {content_type}");
    }
}

#[test]
fn a_rejection_with_a_new_request_id_makes_one_more() {
    let caller = Caller::of(&Request::new(()));
    let count = allocations(|| rejection().answer(&caller));
    assert_eq!(count, 9, "Problem::answer, or RequestId::generate");
}

#[test]
fn a_caller_is_kept_without_an_allocation() {
    let request = request("application/grpc");
    assert_eq!(allocations(|| Caller::of(&request)), 0, "Caller::of");
}
