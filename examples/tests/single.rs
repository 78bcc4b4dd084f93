//! The examples of one layer each do what they say.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use tower_service::Service;

#[path = "../examples/deadline.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod deadline;
#[path = "../examples/problem.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod problem;
#[path = "../examples/ratelimit.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod ratelimit;

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
    assert!(body.contains("no teapot is left") && !body.contains("4711"), "{body}");

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
    let (answer, body) = ask(&mut app, within("/report", "300")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(body, "a report without the figures of last year");

    let (answer, _) = ask(&mut app, within("/stuck", "50")).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
}
