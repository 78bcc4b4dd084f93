//! Decisions of authentication show up in a scrape, and say nothing of who was turned away.

use std::convert::Infallible;

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_auth::{ApiKeys, Auth, MemoryKeys, Policy};
use tower_ready_obs::Metrics;

async fn ok(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("ok".to_owned()))
}

#[tokio::test]
async fn decisions_are_counted_by_what_was_decided_and_why() {
    let metrics = Metrics::builder().build().unwrap();
    let events = metrics.events();
    let store = MemoryKeys::new();
    let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
    let (key, record) = keys.generate("alice").unwrap();
    store.insert(record.scopes(["orders:read"])).unwrap();
    let auth = Auth::builder().api_keys(keys).on_event(events.clone()).build().unwrap();
    let app = |scope: &'static str| {
        let policy = Policy::scope(scope).layer().on_event(events.clone());
        let route = policy.layer(service_fn(ok));
        auth.layer().layer(route)
    };
    let with = |key: &str| Request::builder().header("x-api-key", key).body(()).unwrap();

    let answer = app("orders:read").oneshot(with(key.as_str())).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = app("orders:write").oneshot(with(key.as_str())).await.unwrap();
    assert_eq!(answer.status(), 403);
    for _ in 0..2 {
        let answer = app("orders:read").oneshot(Request::new(())).await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    let scanned = app("orders:read").oneshot(with("acme_live_no-such-key")).await.unwrap();
    assert_eq!(scanned.status(), 401);

    let scrape = metrics.scrape();
    let counted = |labels: &str, count| {
        scrape.assert(&format!("tower_ready_auth_events_total{{{labels}}}"), count);
    };
    counted(r#"event="authn_login_success""#, 2.0);
    counted(r#"event="authz_fail""#, 1.0);
    counted(r#"event="authn_login_fail",reason="missing_credentials""#, 2.0);
    counted(r#"event="authn_login_fail""#, 3.0);
    let text = metrics.to_text();
    assert!(!text.contains("no-such-key") && !text.contains("alice"), "{text}");
}
