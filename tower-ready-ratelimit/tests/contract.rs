//! The contract of every layer, and what this one costs.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_ratelimit::{Fields, Policy, Quota, RateLimiter, key};
use tower_ready_testing::{
    alloc,
    contract::{self, Contract},
};

fn generous(fields: Fields) -> RateLimiter {
    let key = key::header(HeaderName::from_static("x-caller"));
    let policy = Policy::new("caller", Quota::per_second(1_000_000)).key(key);
    RateLimiter::builder().keys(100).policy(policy).fields(fields).build().unwrap()
}

fn spent() -> RateLimiter {
    let limiter = RateLimiter::builder().keys(100).policy(Policy::new("all", Quota::per_hour(1)));
    let limiter = limiter.build().unwrap();
    limiter.bucket("all", |_| {}).unwrap().charge(1);
    limiter
}

#[tokio::test]
async fn a_request_that_passes_is_let_through_as_it_is() {
    contract::check(|| generous(Fields::Draft11).layer()).await;
    contract::check(|| generous(Fields::None).layer()).await;
}

#[tokio::test]
async fn a_request_that_is_refused_leaves_the_inner_service_alone() {
    Contract::new().check_rejection(|| spent().layer()).await;
}

#[tokio::test]
async fn so_it_is_with_permits_and_reservations() {
    let limiter = || {
        RateLimiter::builder()
            .keys(100)
            .policy(Policy::concurrent("streams", 100))
            .policy(
                Policy::new("errors", Quota::per_second(1_000)).counts(|it| it.is_server_error()),
            )
            .build()
            .unwrap()
    };
    contract::check(|| limiter().layer()).await;
}

/// Calls once, with nobody waiting.
fn call(limiter: &RateLimiter, header: bool) -> alloc::Allocations {
    let inner = service_fn(|_: Request<()>| {
        let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
        std::future::ready(Ok::<_, ()>(response))
    });
    let mut service = limiter.layer().layer(inner);
    let mut once = || {
        let mut request = Request::new(());
        request.headers_mut().insert("x-caller", http::HeaderValue::from_static("alice"));
        let (_, allocations) = alloc::counted(|| {
            let mut future = pin!(service.call(request));
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(Ok(response)) = polled else { panic!("it waits") };
            assert_eq!(response.headers().contains_key("ratelimit"), header);
            response
        });
        allocations
    };
    once();
    once()
}

/// The inner service's own header map.
const INNER: u64 = 2;

#[test]
fn nothing_is_allocated_for_a_request_that_passes() {
    assert_eq!(call(&generous(Fields::None), false).count, INNER);
}

#[test]
fn fields_cost_one_allocation() {
    assert_eq!(call(&generous(Fields::Draft11), true).count, INNER + 1);
}

#[test]
fn a_refusal_allocates_little() {
    let refused = call(&spent(), true);
    assert!(refused.count <= 13, "{refused:?}");
}
