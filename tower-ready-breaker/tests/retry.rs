//! What is tried again, and what is not.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use http::{Method, Request, Response};
use http_body_util::Empty;
use support::builder;
use tower::{ServiceBuilder, ServiceExt, retry::budget::TpsBudget};
use tower_ready_breaker::{Backoff, RetryPolicy};
use tower_ready_core::{Deadline, Instant, LocalRejection};

type Answer = Response<Empty<bytes::Bytes>>;

const STEP: Duration = Duration::from_millis(100);

/// Attempts 100, 200, 400 ms apart, and so on.
fn policy(retries: u32) -> RetryPolicy {
    RetryPolicy::new(retries).backoff(Backoff::exponential(STEP, STEP * 8).jitter(false))
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
    let response = Response::builder().status(status);
    let response = headers.iter().fold(response, |it, (name, value)| it.header(*name, *value));
    response.body(Empty::new()).unwrap()
}

/// Asks a service that gives these answers one after the other, and the last for ever: how many
/// attempts it took, how long, and how it ended.
async fn attempts(
    policy: RetryPolicy,
    request: Request<()>,
    answers: impl Fn(usize) -> Result<Answer, &'static str> + Clone + Send + Sync + 'static,
) -> (usize, u128, Option<u16>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&count);
    let service = ServiceBuilder::new()
        .retry(policy)
        .service_fn(move |_: Request<()>| std::future::ready(answers(counts.fetch_add(1, SeqCst))));
    let began = Instant::now();
    let last = service.oneshot(request).await;
    let took = Instant::now().since(began).as_millis();
    (count.load(SeqCst), took, last.ok().map(|answer| answer.status().as_u16()))
}

fn get() -> Request<()> {
    Request::get("/orders").body(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_with_pauses_that_grow() {
    let always = |_| Ok(answer(503, &[]));
    assert_eq!(attempts(policy(3), get(), always).await, (4, 700, Some(503)));
    let refused = |_| Err("refused");
    assert_eq!(attempts(policy(1), get(), refused).await, (2, 100, None));
    let recovers = |number| Ok(answer(if number < 2 { 502 } else { 200 }, &[]));
    assert_eq!(attempts(policy(5), get(), recovers).await, (3, 300, Some(200)));
    let well = |_| Ok(answer(404, &[]));
    assert_eq!(attempts(policy(5), get(), well).await, (1, 0, Some(404)));
    assert_eq!(attempts(policy(0), get(), always).await, (1, 0, Some(503)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_names_a_time_is_given_it_and_no_more_than_that() {
    for (header, value, expected) in [
        ("retry-after", "2", (2, 2_000)),
        ("retry-after", "0", (2, 100)),
        ("retry-after", "6", (1, 0)),
        ("retry-after", "soon", (2, 100)),
        ("grpc-retry-pushback-ms", "250", (2, 250)),
        ("grpc-retry-pushback-ms", "-1", (1, 0)),
        ("grpc-retry-pushback-ms", "x", (1, 0)),
    ] {
        let asked = move |_| Ok(answer(503, &[(header, value)]));
        let (attempts, took, _) = attempts(policy(1), get(), asked).await;
        assert_eq!((attempts, took), expected, "{header}: {value}");
    }
    let limited = |_| Ok(answer(429, &[("retry-after", "3")]));
    assert_eq!(attempts(policy(1), get(), limited).await, (2, 3_000, Some(429)));
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_done_twice_is_done_once() {
    let failing = |_| Ok(answer(503, &[]));
    for (method, expected) in [
        (Method::GET, 2),
        (Method::HEAD, 2),
        (Method::PUT, 2),
        (Method::DELETE, 2),
        (Method::POST, 1),
        (Method::PATCH, 1),
    ] {
        let request = || Request::builder().method(method.clone()).body(()).unwrap();
        assert_eq!(attempts(policy(1), request(), failing).await.0, expected, "{method}");
        let any = policy(1).any_method(true);
        assert_eq!(attempts(any, request(), failing).await.0, 2, "{method}");
    }
    let grpc = || {
        let request = Request::post("/orders.v1.Orders/Create");
        request.header("content-type", "application/grpc").body(()).unwrap()
    };
    for (code, expected) in [("14", 2), ("13", 1), ("4", 1), ("8", 1), ("0", 1)] {
        let failing = move |_| Ok(answer(200, &[("grpc-status", code)]));
        assert_eq!(attempts(policy(1), grpc(), failing).await.0, expected, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_of_ours_rejected_is_not_asked_again() {
    let rejecting = |_| {
        let mut response = answer(503, &[("retry-after", "1")]);
        response.extensions_mut().insert(LocalRejection::new("breaker", "open"));
        Ok(response)
    };
    assert_eq!(attempts(policy(5), get(), rejecting).await, (1, 0, Some(503)));
    let breaker = builder().consecutive_failures(2).build().unwrap();
    let service = ServiceBuilder::new().retry(policy(5)).layer(breaker.layer());
    let service = service.service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(answer(503, &[])))
    });
    service.oneshot(get()).await.unwrap();
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.totals.failures, snapshot.rejected), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_that_the_deadline_would_cut() {
    let failing = |_| Ok(answer(503, &[]));
    for (left, expected) in [(100, 1), (101, 2), (299, 2), (301, 3)] {
        let mut request = get();
        let deadline = Deadline::at(Instant::now() + Duration::from_millis(left));
        request.extensions_mut().insert(deadline);
        assert_eq!(attempts(policy(2), request, failing).await.0, expected, "{left} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn clones_share_a_budget() {
    let failing = |_| Ok(answer(503, &[]));
    let policy = policy(2).budget(TpsBudget::new(Duration::from_secs(10), 0, 0.5));
    assert_eq!(attempts(policy.clone(), get(), failing).await.0, 1, "nothing was earned yet");
    for _ in 0..4 {
        let well = |_| Ok(answer(200, &[]));
        attempts(policy.clone(), get(), well).await;
    }
    assert_eq!(attempts(policy.clone(), get(), failing).await.0, 3);
    assert_eq!(attempts(policy, get(), failing).await.0, 1);
}
