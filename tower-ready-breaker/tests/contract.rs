//! The contract of every layer, and what this one costs.

mod support;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use support::builder;
use tower::{Layer, Service, service_fn};
use tower_ready_breaker::{Breaker, BreakerFuture, BreakerService, Permit};
use tower_ready_testing::{
    alloc,
    contract::{self, Contract, bounds},
};

#[tokio::test]
async fn a_request_that_passes_is_let_through_as_it_is() {
    contract::check(|| builder().build().unwrap().layer()).await;
    let slow = || builder().slow_calls(Duration::from_secs(60), 0.5);
    contract::check(|| slow().build().unwrap().layer()).await;
    let throttle = || builder().throttle(2.0);
    contract::check(|| throttle().build().unwrap().layer()).await;
}

#[tokio::test]
async fn so_it_is_with_probes() {
    contract::check(|| {
        let breaker = builder().probes(16).successes_to_close(255).build().unwrap();
        breaker.suspect();
        breaker.layer()
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_rejected_leaves_the_inner_service_alone() {
    Contract::new()
        .check_rejection(|| {
            let breaker = builder().build().unwrap();
            breaker.force_open();
            breaker.layer()
        })
        .await;
}

#[test]
fn service_and_future_are_send_where_the_inner_ones_are() {
    bounds::check_auto_traits(&builder().build().unwrap().layer());
    fn is_both<T: Send + Sync>() {}
    is_both::<Breaker>();
    is_both::<Permit>();
    is_both::<BreakerService<()>>();
    is_both::<BreakerFuture<()>>();
}

#[test]
fn a_call_carries_little_more_than_its_own_future() {
    let more = size_of::<BreakerFuture<std::future::Pending<()>>>();
    assert!(more <= 160, "{more} bytes, of which an answer in place of the inner one has most");
    assert!(size_of::<Permit>() <= 48, "{}", size_of::<Permit>());
}

/// Calls once and reads the answer, with nobody waiting.
fn call(
    service: &mut impl Service<Request<()>, Response = Response<impl Body>, Error: std::fmt::Debug>,
) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let future = pin!(service.call(Request::new(())));
    let Poll::Ready(Ok(response)) = future.poll(&mut cx) else {
        unreachable!("the service answers at once")
    };
    let mut body = pin!(response.into_body());
    while let Poll::Ready(Some(_)) = body.as_mut().poll_frame(&mut cx) {}
}

fn answering() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
    let text = HeaderValue::from_static("text/plain");
    response.headers_mut().insert("content-type", text);
    response
}

#[test]
fn a_closed_circuit_allocates_nothing() {
    let settings: [fn() -> Breaker; 3] = [
        || builder().build().unwrap(),
        || builder().consecutive_failures(5).build().unwrap(),
        || builder().slow_calls(Duration::from_secs(1), 0.5).build().unwrap(),
    ];
    for breaker in settings {
        let inner = || service_fn(|_: Request<()>| std::future::ready(Ok::<_, ()>(answering())));
        let mut bare = inner();
        let mut guarded = breaker().layer().layer(inner());
        call(&mut guarded);
        let without = alloc::count(|| call(&mut bare));
        let with = alloc::count(|| call(&mut guarded));
        assert_eq!(with, without);
    }
}

#[test]
fn a_permit_and_a_rejection_allocate_nothing() {
    let breaker = builder().build().unwrap();
    breaker.try_acquire().unwrap().success();
    assert_eq!(alloc::count(|| breaker.try_acquire().unwrap().success()).count, 0);
    assert_eq!(alloc::count(|| breaker.try_acquire().unwrap().failure()).count, 0);
    breaker.force_open();
    assert_eq!(alloc::count(|| breaker.try_acquire().is_err()).count, 0);
}
