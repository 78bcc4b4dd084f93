//! What the answer decides, whoever gives it and however it ends, and limiters within one another.

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_problem::{Caller, Problem, ProblemType};
use tower_ready_ratelimit::{Decision, Policy, Quota, RateLimiter, Settle, Usage};

static UNAUTHENTICATED: ProblemType =
    ProblemType::new("unauthenticated", StatusCode::UNAUTHORIZED, "Nobody knows you");

fn limiter(policy: Policy) -> RateLimiter {
    RateLimiter::builder().keys(10).policy(policy).build().unwrap()
}

fn remaining(limiter: &RateLimiter, policy: &str) -> u64 {
    limiter.bucket(policy, |_| {}).unwrap().level().remaining()
}

/// A service that panics.
fn broken() -> Result<Response<Full<Bytes>>, Infallible> {
    panic!("on purpose")
}

fn ok() -> Response<Full<Bytes>> {
    Response::new(Full::default())
}

// === what counts ===

const CONTENT_TYPES: [&str; 8] = [
    "text/plain",
    "application/json",
    "application/grpc",
    "application/grpc+proto",
    "application/grpc-web",
    "application/grpc-web-text+proto",
    "application/connect+json",
    "application/connect+proto",
];

/// How many of ten calls reach a service that answers so, where three failed logins are free.
async fn reached(content_type: &str, answer: fn(&Request<()>) -> Response<Full<Bytes>>) -> u32 {
    let policy = Policy::new("login", Quota::per_hour(3)).counts(|it| it.is_unauthenticated());
    let (limiter, reached) = (limiter(policy), AtomicU32::new(0));
    for _ in 0..10 {
        let service = limiter.layer().layer(service_fn(|request: Request<()>| {
            reached.fetch_add(1, Relaxed);
            ready(Ok::<_, Infallible>(answer(&request)))
        }));
        let request = Request::post("/a.B/C").header("content-type", content_type);
        drop(service.oneshot(request.body(()).unwrap()).await);
    }
    reached.into_inner()
}

#[tokio::test]
async fn nobody_guesses_for_free_by_the_protocol_it_says_it_speaks() {
    for content_type in CONTENT_TYPES {
        // As our own layers answer, in the form that the caller understands.
        let ours = |request: &Request<()>| {
            Problem::new(&UNAUTHENTICATED).answer(&Caller::of(request)).map(Full::new)
        };
        assert_eq!(reached(content_type, ours).await, 3, "{content_type}, a problem");
        // As a service does that knows nothing of gRPC.
        let theirs = |_: &Request<()>| {
            let mut response = ok();
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response
        };
        assert_eq!(reached(content_type, theirs).await, 3, "{content_type}, a bare 401");
        assert_eq!(reached(content_type, |_| ok()).await, 10, "{content_type}, known");
    }
}

#[tokio::test]
async fn a_closure_that_panics_about_an_answer_counts_it_and_takes_nothing_down() {
    let policy = Policy::new("login", Quota::per_hour(3))
        .counts(|answer| answer.status().unwrap() == StatusCode::UNAUTHORIZED);
    let limiter = RateLimiter::builder()
        .keys(10)
        .policy(policy)
        .policy(Policy::concurrent("calls", 1))
        .build()
        .unwrap();
    for left in [2, 1] {
        // A service that panics gives no answer, and so there is no status.
        let service = limiter.layer().layer(service_fn(async |_: Request<()>| broken()));
        assert!(tokio::spawn(service.oneshot(Request::new(()))).await.unwrap_err().is_panic());
        assert_eq!(remaining(&limiter, "login"), left);
        assert_eq!(limiter.bucket("calls", |_| {}).unwrap().in_flight(), 0);
    }
    // One may do so before there is a future, too.
    let service = limiter.layer().layer(service_fn(|_: Request<()>| ready(broken())));
    let called = async move { service.oneshot(Request::new(())).await };
    assert!(tokio::spawn(called).await.unwrap_err().is_panic());
    assert_eq!(remaining(&limiter, "login"), 0);
    assert_eq!(limiter.bucket("calls", |_| {}).unwrap().in_flight(), 0);
}

#[tokio::test]
async fn whoever_leaves_before_the_cost_is_known_pays_what_was_reserved() {
    for (told, left) in [(0, 900), (40, 960), (300, 700)] {
        let tokens = Policy::new("tokens", Quota::per_hour(1_000)).cost(|_| 100);
        let limiter = limiter(tokens.settle(Settle::Usage));
        let service = limiter.layer().layer(service_fn(move |request: Request<()>| {
            request.extensions().get::<Usage>().unwrap().add(told);
            pending::<Result<Response<Full<Bytes>>, Infallible>>()
        }));
        let mut call = Box::pin(service.oneshot(Request::new(())));
        let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx)));
        assert!(poll.await.is_pending());
        drop(call);
        assert_eq!(remaining(&limiter, "tokens"), left, "{told} were told");
    }
}

// === limiters within one another ===

async fn within(
    outer: &RateLimiter,
    inner: &RateLimiter,
    handler: fn(Request<()>) -> Response<Full<Bytes>>,
) -> Response<impl http_body::Body> {
    let service =
        service_fn(move |request: Request<()>| ready(Ok::<_, Infallible>(handler(request))));
    let service = outer.layer().layer(inner.layer().layer(service));
    service.oneshot(Request::new(())).await.unwrap()
}

#[tokio::test]
async fn no_field_of_a_refusal_points_further_than_its_retry_after() {
    let outer = limiter(Policy::new("outer", Quota::per_day(1_000)));
    let inner = limiter(Policy::new("inner", Quota::per_minute(60).burst(1)));
    let passed = within(&outer, &inner, |_| ok()).await;
    assert_eq!(passed.headers().get_all("ratelimit").iter().count(), 2);
    let refused = within(&outer, &inner, |_| ok()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let number = |text: &str| text.parse::<u64>().unwrap();
    let retry_after = number(refused.headers()["retry-after"].to_str().unwrap());
    let lines = refused.headers().get_all("ratelimit").iter().map(|line| line.to_str().unwrap());
    let lines: Vec<_> = lines.flat_map(|line| line.split(", ")).collect();
    assert!(!lines.is_empty());
    for line in lines {
        let (_, window) = line.rsplit_once(";t=").unwrap();
        assert!(number(window) <= retry_after, "{line} and {retry_after}");
    }
}

#[tokio::test]
async fn the_decision_of_the_innermost_limiter_is_the_one_to_read() {
    let exposing = |policy| RateLimiter::builder().keys(10).policy(policy).expose(true);
    let outer = exposing(Policy::new("outer", Quota::per_hour(10))).build().unwrap();
    let inner = exposing(Policy::new("inner", Quota::per_hour(1))).build().unwrap();
    for passed in [true, false] {
        let response = within(&outer, &inner, |request| {
            let decision = Decision::of(request.extensions()).unwrap();
            assert_eq!(decision.tightest().unwrap().policy, "inner");
            ok()
        });
        let response = response.await;
        let decision = Decision::of(response.extensions()).unwrap();
        assert_eq!((&*decision.tightest().unwrap().policy, decision.passed()), ("inner", passed));
    }
}

#[tokio::test]
async fn a_refusal_that_looked_at_no_bucket_is_a_decision_too() {
    let builder = RateLimiter::builder().keys(10).policy(Policy::concurrent("calls", 1));
    let limiter = builder.exempt(|head| head.uri().path() == "/free").expose(true).build().unwrap();
    let call = |path: &str| {
        let service = limiter.layer().layer(service_fn(|request: Request<()>| {
            assert!(Decision::of(request.extensions()).unwrap().passed());
            ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("a body"))))
        }));
        service.oneshot(Request::get(path).body(()).unwrap())
    };
    let held = call("/").await.unwrap();
    for (path, passed) in [("/", false), ("/free", true)] {
        let response = call(path).await.unwrap();
        let decision = Decision::of(response.extensions()).unwrap();
        assert_eq!(decision.passed(), passed, "{path}");
        assert!(decision.standings().is_empty());
    }
    drop(held);
}

#[tokio::test]
async fn limiters_within_one_another_settle_by_the_same_usage() {
    let tokens = |name: &'static str| {
        let policy = Policy::new(name, Quota::per_hour(1_000)).cost(|_| 100);
        limiter(policy.settle(Settle::Usage))
    };
    let (outer, inner) = (tokens("outer"), tokens("inner"));
    drop(
        within(&outer, &inner, |request| {
            request.extensions().get::<Usage>().unwrap().add(700);
            ok()
        })
        .await,
    );
    assert_eq!((remaining(&outer, "outer"), remaining(&inner, "inner")), (300, 300));
}
