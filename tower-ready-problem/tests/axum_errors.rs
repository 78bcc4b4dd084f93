//! What axum itself says when a request is wrong, behind a problem layer: the audits' "errors in
//! five shapes".

#![cfg(feature = "axum")]

mod support;

use std::time::Duration;

use axum::{
    Form, Json, Router,
    body::Body,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, Path, Query},
    http::{Method, Request, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use support::OutOfStock;
use tower::{
    BoxError, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer,
};
use tower_http::{
    compression::CompressionLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};
use tower_ready_problem::{Problem, ProblemLayer, ProblemType, Problems};
use tower_ready_testing::logs;

type Item = std::collections::HashMap<String, u32>;

static OUT_OF_STOCK: ProblemType =
    ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");

async fn fails() -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, "pg: password=K-4711".to_owned())
}

async fn panics() {
    panic!("do not show this: K-4711");
}

async fn asks() -> Result<(), Problem> {
    Err(OutOfStock)?;
    Ok(())
}

async fn own_json() -> impl IntoResponse {
    (StatusCode::BAD_REQUEST, Json(json!({"mine": true})))
}

fn app() -> Router {
    Router::new()
        .route("/items/{id}", get(|Path(id): Path<u32>| async move { id.to_string() }))
        .route("/query", get(|Query(query): Query<Item>| async move { query.len().to_string() }))
        .route("/json", post(|Json(item): Json<Item>| async move { item.len().to_string() }))
        .route("/form", post(|Form(item): Form<Item>| async move { item.len().to_string() }))
        .route("/upload", post(|body: String| async move { body }).layer(DefaultBodyLimit::max(8)))
        .route(
            "/limited",
            post(|body: String| async move { body }).layer(RequestBodyLimitLayer::new(8)),
        )
        .route("/fails", get(fails))
        .route("/asks", get(asks))
        .route("/panics", get(panics))
        .route("/own", get(own_json))
        .route("/hangs", get(std::future::pending::<()>))
        .layer(ServiceBuilder::new().layer(ProblemLayer::default()).layer(
            TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(5)),
        ))
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn problem(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16());
        for member in ["type", "title", "instance", "code", "request_id"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        problem
    }
}

async fn ask(app: Router, request: http::request::Builder, body: &str) -> Answer {
    let request: Request<Body> = request.body(Body::from(body.to_owned())).unwrap();
    let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

#[tokio::test]
async fn every_rejection_of_axum_is_a_problem() {
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let text = ("content-type", "text/plain");
    for (method, uri, header, body, status, code) in [
        (Method::GET, "/nowhere", text, "", 404, "NOT_FOUND"),
        (Method::DELETE, "/json", text, "", 405, "METHOD_NOT_ALLOWED"),
        (Method::GET, "/items/one", text, "", 400, "BAD_REQUEST"),
        (Method::GET, "/query?a=b", text, "", 400, "BAD_REQUEST"),
        (Method::POST, "/json", text, "{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Method::POST, "/json", json, "{", 400, "BAD_REQUEST"),
        (Method::POST, "/json", json, r#"{"a":"b"}"#, 422, "UNPROCESSABLE_CONTENT"),
        (Method::POST, "/form", text, "a=1", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Method::POST, "/form", form, "a=b", 422, "UNPROCESSABLE_CONTENT"),
        (Method::POST, "/upload", text, "more than eight", 413, "CONTENT_TOO_LARGE"),
        (Method::POST, "/limited", text, "more than eight", 413, "CONTENT_TOO_LARGE"),
    ] {
        let request = Request::builder().method(method.clone()).uri(uri).header(header.0, header.1);
        let answer = ask(app(), request, body).await;
        assert_eq!(answer.status, status, "{method} {uri}");
        let problem = answer.problem();
        assert_eq!(problem["code"], code, "{method} {uri}");
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["instance"], uri.split('?').next().unwrap());
        match status {
            405 => assert_eq!(answer.headers["allow"], "POST"),
            415 => assert!(answer.headers["accept"].to_str().unwrap().starts_with("application/")),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_4xx_keeps_the_words_that_help_the_caller() {
    let request = Request::post("/json").header("content-type", "application/json");
    let problem = ask(app(), request, r#"{"a":"b"}"#).await.problem();
    assert!(problem["detail"].as_str().unwrap().contains("invalid type: string"), "{problem}");
}

#[tokio::test]
async fn panics_failures_and_errors_show_nothing_and_log_everything() {
    let logs = logs::capture();
    for (uri, secret) in [
        ("/panics", "do not show this: K-4711"),
        ("/fails", "pg: password=K-4711"),
        ("/asks", "shelf K-4711 is empty"),
    ] {
        let answer = ask(app(), Request::get(uri).header("x-request-id", "r1"), "").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        let problem = answer.problem();
        assert!(!problem.to_string().contains("K-4711"), "{problem}");
        let error_id = problem["error_id"].as_str().unwrap();
        let text = logs.text();
        let line = text.lines().find(|line| line.contains(error_id)).expect("logged by its id");
        assert!(line.contains(secret) && line.contains("r1"), "{line}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_question_mark_obeys_the_maps() {
    let problems =
        Problems::builder().map(|_: &OutOfStock| Problem::new(&OUT_OF_STOCK)).build().unwrap();
    let app = Router::new().route("/asks", get(asks)).layer(problems.layer());
    let answer = ask(app, Request::get("/asks"), "").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.problem()["code"], "OUT_OF_STOCK");
}

#[tokio::test(start_paused = true)]
async fn timeouts_and_overload_are_problems() {
    let answer = ask(app(), Request::get("/hangs"), "").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(answer.problem()["code"], "GATEWAY_TIMEOUT");

    let limit = ServiceBuilder::new()
        .layer(ProblemLayer::default())
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(0));
    let app = Router::new().route("/", get(|| async {})).layer(limit);
    let answer = ask(app, Request::get("/"), "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem()["code"], "OVERLOADED");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn what_is_in_a_form_of_its_own_is_left_alone() {
    let answer = ask(app(), Request::get("/own"), "").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body, br#"{"mine":true}"#);

    // A layer inside that compresses has made the text unreadable, and it stays so.
    let long = || async { (StatusCode::BAD_REQUEST, "no ".repeat(100)) };
    let stack = ServiceBuilder::new().layer(ProblemLayer::default()).layer(CompressionLayer::new());
    let app = Router::new().route("/", get(long)).layer(stack);
    let answer = ask(app, Request::get("/").header("accept-encoding", "gzip"), "").await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn an_accept_of_nonsense_still_gets_a_problem() {
    for accept in ["nonsense", "text/plain", "image/png;q=1", ";;;,", "\u{7f}"] {
        let Ok(accept) = http::HeaderValue::from_str(accept) else {
            continue;
        };
        let answer = ask(app(), Request::get("/nowhere").header("accept", accept), "").await;
        assert_eq!(answer.problem()["code"], "NOT_FOUND");
    }
}

/// What users of axum write without this crate still works next to it.
#[tokio::test]
async fn a_handle_error_layer_inside_keeps_its_word() {
    let handle = |error: BoxError| async move { (StatusCode::IM_A_TEAPOT, error.to_string()) };
    let stack = ServiceBuilder::new()
        .layer(ProblemLayer::default())
        .layer(HandleErrorLayer::new(handle))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(0));
    let app = Router::new().route("/", get(|| async {})).layer(stack);
    let answer = ask(app, Request::get("/"), "").await;
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.problem()["code"], "IM_A_TEAPOT");
}
