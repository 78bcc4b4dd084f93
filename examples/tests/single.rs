//! The examples of one layer each do what they say.

use std::{
    net::SocketAddr,
    task::{Context, Waker},
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use tower_service::Service;

#[path = "../examples/auth.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod auth;
#[path = "../examples/breaker.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod breaker;
#[path = "../examples/deadline.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod deadline;
#[path = "../examples/obs.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod obs;
#[path = "../examples/problem.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod problem;
#[path = "../examples/ratelimit.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod ratelimit;
#[path = "../examples/shed.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod shed;
#[path = "../examples/shutdown.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod shutdown;

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

async fn ask(app: &mut Router, request: Request<Body>) -> (Response<()>, String) {
    let answer = app.call(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    (Response::from_parts(head, ()), text)
}

#[tokio::test]
async fn a_fault_is_told_and_an_error_is_hidden() {
    let mut app = problem::app();
    let (answer, body) = ask(&mut app, get("/orders/7")).await;
    assert_eq!((answer.status(), &*body), (StatusCode::OK, "70 teapots"));

    let (answer, body) = ask(&mut app, get("/orders/700")).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(body.contains("no teapot is left") && !body.contains("shelf"), "{body}");

    let (answer, body) = ask(&mut app, get("/orders/70")).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.contains("error_id") && !body.contains("range"), "{body}");
}

#[tokio::test]
async fn one_route_is_limited_for_each_address() {
    let mut app = ratelimit::app().unwrap();
    let from = |path: &str, address: &str| {
        let mut request = get(path);
        let peer: SocketAddr = address.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    };
    for _ in 0..3 {
        let (answer, _) = ask(&mut app, from("/search", "192.0.2.1:1")).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let (answer, _) = ask(&mut app, from("/search", "192.0.2.1:2")).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
    for other in [from("/search", "192.0.2.2:1"), from("/", "192.0.2.1:3")] {
        assert_eq!(ask(&mut app, other).await.0.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_report_comes_in_time_and_what_hangs_is_given_up() {
    let mut app = deadline::app().unwrap();
    let within = |path: &str, millis: &str| {
        let mut request = get(path);
        let millis = millis.parse().unwrap();
        request.headers_mut().insert("x-request-timeout-ms", millis);
        request
    };
    let (answer, body) = ask(&mut app, within("/report", "900")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(body, "a report without the figures of last year");

    let (answer, _) = ask(&mut app, within("/stuck", "50")).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn orders_are_for_those_with_a_key() {
    let (mut app, key) = auth::app().unwrap();
    let (answer, _) = ask(&mut app, get("/orders")).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let mut request = get("/orders");
    request.headers_mut().insert("x-api-key", key.parse().unwrap());
    let (answer, body) = ask(&mut app, request).await;
    assert_eq!((answer.status(), &*body), (StatusCode::OK, "the orders of alice"));
    assert_eq!(ask(&mut app, get("/")).await.0.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_third_report_is_turned_away() {
    let mut app = shed::app().unwrap();
    let mut reports = [app.call(get("/report")), app.call(get("/report"))].map(Box::pin);
    for report in &mut reports {
        let mut context = Context::from_waker(Waker::noop());
        assert!(report.as_mut().poll(&mut context).is_pending());
    }
    let (answer, _) = ask(&mut app, get("/report")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&mut app, get("/")).await.0.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_dead_database_is_asked_three_times() {
    let mut app = breaker::app().unwrap();
    for _ in 0..3 {
        let (answer, _) = ask(&mut app, get("/count")).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    let (answer, _) = ask(&mut app, get("/count")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn requests_have_ids_and_are_counted() {
    let mut app = obs::app().unwrap();
    let (answer, _) = ask(&mut app, get("/orders/7")).await;
    assert!(answer.headers().contains_key("x-request-id"));
    let (_, metrics) = ask(&mut app, get("/metrics")).await;
    assert!(metrics.contains("http_route=\"/orders/{id}\""), "{metrics}");
}

#[tokio::test]
async fn an_instance_that_leaves_is_not_ready() {
    let lifecycle = tower_ready_shutdown::Lifecycle::builder().build().unwrap();
    let mut app = shutdown::app(&lifecycle).unwrap();
    lifecycle.ready();
    assert_eq!(ask(&mut app, get("/readyz")).await.0.status(), StatusCode::OK);
    lifecycle.drain();
    let (answer, _) = ask(&mut app, get("/readyz")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&mut app, get("/livez")).await.0.status(), StatusCode::OK);
}
