//! The status of a gRPC-Web call is at the end of its body, and counts.

use std::convert::Infallible;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_obs::{GrpcMethods, Metrics};

const COUNT: &str = "rpc_server_call_duration_seconds_count";

/// A message, and trailers with this code.
fn body(code: &str) -> Vec<u8> {
    let trailers = format!("grpc-status:{code}\r\ngrpc-message:so it is\r\n");
    let len = u32::try_from(trailers.len()).unwrap().to_be_bytes();
    [&[0, 0, 0, 0, 2][..], b"hi", &[0x80], &len, trailers.as_bytes()].concat()
}

fn metrics() -> Metrics {
    let methods = GrpcMethods::new().service("orders.v1.Orders", ["Get"]);
    Metrics::builder().grpc(methods).build().unwrap()
}

async fn call(metrics: &Metrics, content_type: &'static str, answer: Response<Full<Bytes>>) {
    let service =
        service_fn(move |_: Request<()>| std::future::ready(Ok::<_, Infallible>(answer.clone())));
    let request = Request::post("/orders.v1.Orders/Get").header("content-type", content_type);
    let answer = metrics.layer().layer(service).oneshot(request.body(()).unwrap()).await.unwrap();
    answer.into_body().collect().await.unwrap();
}

fn answer(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(body.into()))
}

#[tokio::test]
async fn the_code_of_the_body_is_a_label() {
    let metrics = metrics();
    call(&metrics, "application/grpc-web+proto", answer(body("0"))).await;
    call(&metrics, "application/grpc-web", answer(body("14"))).await;
    let text = STANDARD.encode(body("5"));
    call(&metrics, "application/grpc-web-text", answer(text)).await;
    let scrape = metrics.scrape();
    let counted = |labels: &str| scrape.assert(&format!("{COUNT}{{{labels}}}"), 1.0);
    counted(r#"rpc_response_status_code="OK""#);
    counted(r#"rpc_response_status_code="UNAVAILABLE",error_type="UNAVAILABLE""#);
    counted(r#"rpc_response_status_code="NOT_FOUND""#);
}

#[tokio::test]
async fn a_body_without_one_was_cut_short() {
    let metrics = metrics();
    call(&metrics, "application/grpc-web", answer(&[0_u8, 0, 0, 0, 2, b'h', b'i'][..])).await;
    let unknown = r#"rpc_response_status_code="UNKNOWN",error_type="UNKNOWN""#;
    metrics.scrape().assert(&format!("{COUNT}{{{unknown}}}"), 1.0);
}

#[tokio::test]
async fn nothing_is_said_of_one_that_is_compressed() {
    let metrics = metrics();
    let mut zipped = answer(&b"zipped"[..]);
    zipped.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    call(&metrics, "application/grpc-web", zipped).await;
    assert!(!metrics.to_text().contains("rpc_response_status_code"), "{}", metrics.to_text());
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn the_log_says_it_too() {
    let logs = tower_ready_testing::logs::capture();
    let tracing = tower_ready_obs::Tracing::builder().build().unwrap();
    let service =
        service_fn(|_: Request<()>| std::future::ready(Ok::<_, Infallible>(answer(body("14")))));
    let request =
        Request::post("/orders.v1.Orders/Get").header("content-type", "application/grpc-web");
    let answer = tracing.layer().layer(service).oneshot(request.body(()).unwrap()).await.unwrap();
    answer.into_body().collect().await.unwrap();
    let lines = logs.under("tower_ready_obs::access");
    assert_eq!(lines[0].field("grpc_status"), Some("UNAVAILABLE"));
    assert_eq!(lines[0].level(), tower_ready_testing::logs::Level::ERROR);
}
