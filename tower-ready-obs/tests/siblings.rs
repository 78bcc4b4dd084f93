//! What our other crates tell shows up in a scrape.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_breaker::Breaker;
use tower_ready_deadline::Deadlines;
use tower_ready_obs::Metrics;
use tower_ready_ratelimit::{Policy, Quota, RateLimiter, key};
use tower_ready_shed::Bulkhead;

#[test]
fn all_observers_are_one() {
    let metrics = Metrics::builder().build().unwrap();
    for name in ["orders", "stock"] {
        let breaker = Breaker::builder(name).on_event(metrics.events()).build().unwrap();
        breaker.force_open();
    }
    let forced = r#"tower_ready_breaker_events_total{event="forced_open"}"#;
    metrics.scrape().assert(forced, 2.0);
    let text = metrics.to_text();
    assert_eq!(text.matches("# TYPE tower_ready_breaker_events_total ").count(), 1, "{text}");
}

async fn ok(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("ok".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn events_are_counted_and_states_are_shown() {
    let metrics = Metrics::builder().build().unwrap();
    let events = metrics.events();

    let breaker = Breaker::builder("orders").on_event(events.clone()).build().unwrap();
    metrics.watch_breaker(&breaker);
    metrics.scrape().assert(r#"tower_ready_breaker_state{state="closed"}"#, 1.0);
    breaker.force_open();
    drop(breaker.try_acquire());

    let bulkhead = Bulkhead::builder().limit(1).on_event(events.clone()).build().unwrap();
    metrics.watch_bulkhead("all", &bulkhead);
    let held = bulkhead.layer().layer(service_fn(ok)).oneshot(Request::new(())).await.unwrap();
    let refused = bulkhead.layer().layer(service_fn(ok)).oneshot(Request::new(()));
    assert_eq!(refused.await.unwrap().status(), 503);

    let policy = Policy::new("address", Quota::per_hour(1))
        .key(key::header(http::HeaderName::from_static("x-caller")));
    let limiter =
        RateLimiter::builder().keys(10).policy(policy).on_event(events.clone()).build().unwrap();
    metrics.watch_limiter("edge", &limiter);
    metrics.scrape().assert(r#"tower_ready_ratelimit_keys{limiter="edge"}"#, 0.0);
    for _ in 0..3 {
        let request = Request::builder().header("x-caller", "a").body(()).unwrap();
        let call = limiter.layer().layer(service_fn(ok)).oneshot(request);
        drop(call.await.unwrap());
    }

    let deadlines = Deadlines::builder()
        .timeout(Duration::from_secs(1))
        .on_event(events.clone())
        .build()
        .unwrap();
    let hangs = service_fn(|_: Request<()>| std::future::pending::<Result<Response<String>, ()>>());
    let late = deadlines.layer().layer(hangs).oneshot(Request::new(())).await.unwrap();
    assert_eq!(late.status(), 504);

    let scrape = metrics.scrape();
    scrape.assert(r#"tower_ready_breaker_events_total{breaker="orders",event="forced_open"}"#, 1.0);
    scrape.assert(r#"tower_ready_breaker_state{breaker="orders",state="forced_open"}"#, 1.0);
    scrape.assert("tower_ready_breaker_state", 1.0);
    scrape.assert(r#"tower_ready_breaker_rejected_total{breaker="orders"}"#, 1.0);
    scrape.assert(r#"tower_ready_shed_events_total{event="refused",reason="full"}"#, 1.0);
    scrape.assert(r#"tower_ready_shed_in_flight{bulkhead="all"}"#, 1.0);
    scrape.assert(r#"tower_ready_shed_limit{bulkhead="all"}"#, 1.0);
    scrape.assert(
        r#"tower_ready_ratelimit_events_total{event="refused",policy="address",reason="quota"}"#,
        2.0,
    );
    scrape.assert(
        r#"tower_ready_deadline_events_total{event="expired",phase="head",reason="deadline"}"#,
        1.0,
    );
    scrape.assert(r#"tower_ready_ratelimit_keys{limiter="edge"}"#, 1.0);
    drop(held);
    metrics.scrape().assert("tower_ready_shed_in_flight", 0.0);
}
