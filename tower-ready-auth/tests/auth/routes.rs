//! Policies where routers have more than one way to a handler.

use axum::{Router, body::Body, routing::get};
use http::{Method, Request, StatusCode};
use serde_json::json;
use tower::ServiceExt;
use tower_ready_auth::{ApiKeys, Auth, AuthLayer, MemoryKeys, Policy, PolicyTable};

use crate::support::{HMAC, hmac_verifier, with};

fn admin() -> String {
    HMAC.token(&with(&[("roles", json!(["admin"]))]))
}

async fn status(app: &Router, method: Method, uri: &str, token: Option<&str>) -> StatusCode {
    let mut request = Request::builder().method(method).uri(uri).header("host", "api.example");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

fn app() -> Router {
    let inner = Router::new()
        .route("/report", get(|| async { "report" }))
        .route_layer(Policy::role("admin").layer())
        .fallback(|| async { "inner fallback" });
    Router::new()
        .route("/", get(|| async { "ok" }))
        .nest("/admin", inner)
        .fallback(|| async { "fallback" })
        .layer(AuthLayer::new(hmac_verifier()))
}

#[tokio::test]
async fn nested_routes_and_fallbacks_are_inside() {
    let (app, alice, admin) = (app(), HMAC.of("alice", "a"), admin());
    for uri in ["/", "/admin/report", "/admin/x", "/nowhere", "/admin"] {
        assert_eq!(status(&app, Method::GET, uri, None).await, 401, "{uri}");
    }
    assert_eq!(status(&app, Method::GET, "/nowhere", Some(&alice)).await, 200);
    for uri in
        ["/admin/report", "http://api.example/admin/report", "http://evil.example/admin/report"]
    {
        assert_eq!(status(&app, Method::GET, uri, Some(&alice)).await, 403, "{uri}");
        assert_eq!(status(&app, Method::GET, uri, Some(&admin)).await, 200, "{uri}");
        // HEAD goes to the handler of GET.
        assert_eq!(status(&app, Method::HEAD, uri, Some(&alice)).await, 403, "{uri}");
    }
}

#[tokio::test]
async fn a_table_reads_the_absolute_form_as_its_path() {
    let table = PolicyTable::builder().at("/report", Policy::role("admin")).build().unwrap();
    let app = Router::new()
        .route("/report", get(|| async { "report" }))
        .layer(table.layer())
        .layer(AuthLayer::new(hmac_verifier()));
    let (alice, admin) = (HMAC.of("alice", "a"), admin());
    for uri in ["/report", "/report?x=/open", "http://api.example/report", "http://a@b/report"] {
        assert_eq!(status(&app, Method::GET, uri, Some(&alice)).await, 403, "{uri}");
        assert_eq!(status(&app, Method::GET, uri, Some(&admin)).await, 200, "{uri}");
    }
}

/// What another header or the query says of method and key is not heeded.
#[tokio::test]
async fn overrides_and_keys_in_the_query_are_nothing() {
    let store = MemoryKeys::new();
    let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
    let (key, record) = keys.generate("bob").unwrap();
    store.insert(record).unwrap();
    let auth = Auth::builder().jwt(hmac_verifier()).api_keys(keys).pass_preflight(true);
    let app = Router::new().route("/", get(|| async { "ok" })).layer(auth.build().unwrap().layer());
    for name in ["api_key", "x-api-key", "access_token", "key"] {
        let uri = format!("/?{name}={}", key.as_str());
        assert_eq!(status(&app, Method::GET, &uri, None).await, 401, "{name}");
    }
    let request = Request::get("/")
        .header("x-http-method-override", "OPTIONS")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "GET");
    let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 401);
    let query = Request::get("/?access_token=x").header("x-api-key", key.as_str());
    let answer = app.oneshot(query.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 400);
}
