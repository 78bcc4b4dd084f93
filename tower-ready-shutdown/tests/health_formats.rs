//! What a probe is told, and who is told more.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_ready_shutdown::health::{Check, Detail, Endpoint, Health};

/// Nobody but an operator should see this.
const SECRET: &str = "no route to \"db-7.internal\"\n";

async fn health() -> Health {
    let health = Health::builder()
        .check(Check::new("database", async || Err::<(), _>(SECRET)).degrading())
        .check(Check::new("queue", async || Ok::<_, std::io::Error>(())))
        .version("1.2.3")
        .release("abc\u{1}")
        .service_id("orders")
        .build()
        .unwrap();
    health.until_ready().await;
    while health.checks()[1].error.as_deref() == Some("not checked yet") {
        tokio::task::yield_now().await;
    }
    health
}

async fn ask(endpoint: Endpoint, uri: &str, accept: &str) -> Response<String> {
    let request = Request::get(uri).header("accept", accept).body(()).unwrap();
    let (parts, body) = endpoint.oneshot(request).await.unwrap().into_parts();
    let bytes: Bytes = body.collect().await.unwrap().to_bytes();
    if parts.status != 404 {
        assert_eq!(parts.headers["content-length"], bytes.len().to_string());
        assert_eq!(parts.headers["cache-control"], "no-store");
    }
    Response::from_parts(parts, String::from_utf8(bytes.to_vec()).unwrap())
}

fn json_of(response: &Response<String>) -> Value {
    serde_json::from_str(response.body()).unwrap()
}

#[tokio::test]
async fn by_default_a_probe_is_told_one_word_in_any_form() {
    let health = health().await;
    for uri in ["/readyz", "/readyz?verbose", "/readyz?verbose=1&x"] {
        let text = ask(health.ready(), uri, "*/*").await;
        assert_eq!(text.body(), "warn\n");
        assert_eq!(text.headers()["content-type"], "text/plain; charset=utf-8");
        let json = ask(health.ready(), uri, "application/json").await;
        assert_eq!(json_of(&json), json!({"status": "warn"}));
        let draft = ask(health.ready(), uri, "application/health+json").await;
        assert_eq!(json_of(&draft), json!({"status": "warn"}));
        assert_eq!(draft.headers()["content-type"], "application/health+json");
    }
    let one = ask(health.ready(), "/readyz?check=database", "*/*").await;
    assert_eq!(one.status(), 404);
}

#[tokio::test]
async fn names_are_told_without_errors() {
    let health = health().await;
    let ready = || health.ready().detail(Detail::Names);
    assert_eq!(ask(ready(), "/", "*/*").await.body(), "warn\n");
    assert_eq!(ask(ready(), "/?verbose=false", "*/*").await.body(), "warn\n");
    let lines = ask(ready(), "/?verbose", "*/*").await;
    assert_eq!(lines.body(), "lifecycle: pass\ndatabase: warn\nqueue: pass\n");
    let json = ask(ready(), "/", "application/json").await;
    let expected = json!({"status": "warn", "checks": [
        {"name": "lifecycle", "status": "pass"},
        {"name": "database", "status": "warn"},
        {"name": "queue", "status": "pass"},
    ]});
    assert_eq!(json_of(&json), expected);
    let draft = ask(ready(), "/", "application/health+json").await;
    let expected = json!({
        "status": "warn", "version": "1.2.3", "releaseId": "abc\u{1}", "serviceId": "orders",
        "checks": {
            "lifecycle": [{"status": "pass"}],
            "database": [{"status": "warn"}],
            "queue": [{"status": "pass"}],
        },
    });
    assert_eq!(json_of(&draft), expected);
    assert!(!draft.body().contains("db-7"));
}

#[tokio::test]
async fn one_check_can_be_asked_for() {
    let health = health().await;
    let ready = || health.ready().detail(Detail::Names);
    let one = ask(ready(), "/?check=database", "*/*").await;
    assert_eq!((one.status().as_u16(), &**one.body()), (200, "database: warn\n"));
    let one = ask(ready(), "/?check=queue", "application/json").await;
    let expected = json!({"status": "pass", "checks": [{"name": "queue", "status": "pass"}]});
    assert_eq!(json_of(&one), expected);
    let unknown = ask(ready(), "/?check=nothing", "*/*").await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(unknown.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn everything_is_told_to_who_may_see_it() {
    let health = health().await;
    let text = ask(health.ready().detail(Detail::Full), "/?verbose", "*/*").await;
    let line = "database: warn (no route to \"db-7.internal\" )\n";
    assert_eq!(text.body(), &format!("lifecycle: pass\n{line}queue: pass\n"));
    let json = ask(health.ready().detail(Detail::Full), "/", "application/json").await;
    let database = &json_of(&json)["checks"][1];
    assert_eq!(database["criticality"], "degrading");
    assert_eq!(database["error"], "no route to \"db-7.internal\" ");
    assert!(database["took_ms"].is_u64());
    let draft = ask(health.ready().detail(Detail::Full), "/", "application/health+json").await;
    let database = &json_of(&draft)["checks"]["database:responseTime"][0];
    assert_eq!(database["observedUnit"], "ms");
    assert_eq!(database["output"], "no route to \"db-7.internal\" ");
    assert!(database["time"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_predicate_says_who_may_see_everything() {
    let health = health().await;
    let endpoint = || health.ready().authorize(|head| head.uri().path() == "/admin/ready");
    assert_eq!(ask(endpoint(), "/readyz?verbose", "*/*").await.body(), "warn\n");
    assert!(ask(endpoint(), "/admin/ready?verbose", "*/*").await.body().contains("db-7"));
}

#[tokio::test]
async fn liveness_and_startup_have_lines_of_their_own() {
    let health = health().await;
    let live = ask(health.live().detail(Detail::Names), "/?verbose", "*/*").await;
    assert_eq!(live.body(), "process: pass\n");
    let startup = ask(health.startup().detail(Detail::Names), "/?verbose", "*/*").await;
    assert_eq!(startup.body(), "lifecycle: pass\nqueue: pass\n");
    let stalling = Health::builder().stall_limit(std::time::Duration::from_secs(60));
    let stalling = stalling.build().unwrap();
    let live = ask(stalling.live().detail(Detail::Names), "/?verbose", "*/*").await;
    assert_eq!(live.body(), "process: pass\nruntime: pass\n");
}
