//! What layers, frameworks and services of others can do to us, and what becomes of it.

#![cfg(all(feature = "tonic", feature = "hyper", feature = "serde"))]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    convert::Infallible,
    error::Error,
    future::ready,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{ServiceBuilder, ServiceExt};
use tower_ready_problem::{Problem, ProblemLayer};

type BoxError = Box<dyn Error + Send + Sync>;

/// What the layer makes of an answer or a failure, for a caller of this content type.
async fn behind_the_layer<B>(
    content_type: &str,
    result: Result<Response<B>, BoxError>,
) -> Response<Bytes>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut result = Some(result);
    let service = ServiceBuilder::new()
        .layer(ProblemLayer::default())
        .service_fn(move |_: Request<()>| ready(result.take().unwrap()));
    let request = Request::post("/orders").header("content-type", content_type);
    let request = request.header("x-request-id", "7f3a").body(()).unwrap();
    let answer: Result<_, Infallible> = service.oneshot(request).await;
    let (parts, body) = answer.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

async fn of_failure(content_type: &str, error: impl Into<BoxError>) -> Response<Bytes> {
    behind_the_layer::<Full<Bytes>>(content_type, Err(error.into())).await
}

fn json(answer: &Response<Bytes>) -> Json {
    serde_json::from_slice(answer.body()).unwrap()
}

// --- statuses ---

/// What tonic's client makes of an answer in one head.
fn received() -> Status {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("grpc-status", "8"),
        ("grpc-message", "spent"),
        ("grpc-retry-pushback-ms", "2500"),
        ("grpc-encoding", "gzip"),
        ("content-type", "application/grpc"),
        ("content-length", "0"),
        ("date", "Fri, 31 Dec 1999 23:59:59 GMT"),
        ("x-request-id", "theirs"),
        ("retry-after", "99"),
        ("x-quota", "daily"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    Status::from_header_map(&headers).unwrap()
}

#[tokio::test]
async fn the_headers_of_anothers_answer_do_not_become_ours() {
    for content_type in ["application/json", "application/grpc"] {
        let answer = of_failure(content_type, received()).await;
        let headers = answer.headers();
        for name in ["content-type", "grpc-status", "grpc-message", "retry-after", "x-request-id"] {
            let count = headers.get_all(name).iter().count();
            assert!(count <= 1, "{count} times {name}");
        }
        for name in ["content-length", "date", "grpc-encoding"] {
            assert_eq!(headers.get(name), None, "{name}");
        }
        assert_eq!(headers["x-quota"], "daily");
    }
}

#[tokio::test]
async fn the_time_to_wait_goes_along_in_every_protocol() {
    let over_http = of_failure("application/json", received()).await;
    assert_eq!(over_http.status(), 429);
    assert_eq!(over_http.headers()["retry-after"], "3");
    let over_grpc = of_failure("application/grpc", received()).await;
    assert_eq!(over_grpc.headers()["grpc-retry-pushback-ms"], "2500");

    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
    let status = Status::with_error_details(Code::ResourceExhausted, "spent", details);
    assert_eq!(of_failure("text/plain", status).await.headers()["retry-after"], "7");
}

#[test]
fn a_status_keeps_its_details_on_the_way_through_a_problem() {
    let details = ErrorDetails::with_bad_request_violation("item", "must not be empty");
    let status = Status::with_error_details(Code::InvalidArgument, "no", details);
    let again = Status::from(Problem::from_status(&status));
    assert_eq!(again.details(), status.details());
    assert_eq!(again.get_details_bad_request().unwrap().field_violations.len(), 1);
}

#[tokio::test]
async fn a_failure_of_a_called_service_shows_no_address() {
    for code in [Code::Unknown, Code::Unavailable, Code::Internal, Code::DeadlineExceeded] {
        let details = ErrorDetails::with_debug_info(vec!["10.0.0.3".to_owned()], "pg");
        let text = "tcp connect error: 10.0.0.3:5432";
        for content_type in ["application/json", "application/grpc"] {
            let status = Status::with_error_details(code, text, details.clone());
            let answer = of_failure(content_type, status).await;
            let shown = format!("{answer:?}");
            assert!(!shown.contains("10.0.0.3"), "{shown}");
            if let Some(status) = Status::from_header_map(answer.headers()) {
                assert_eq!(status.code(), code);
                assert!(!String::from_utf8_lossy(status.details()).contains("10.0.0.3"));
            } else {
                assert!(json(&answer)["error_id"].is_string(), "the log has it");
            }
        }
    }
}

#[tokio::test]
async fn a_status_that_says_all_is_well_is_an_error_all_the_same() {
    let status = || Status::with_metadata(Code::Ok, "fine", MetadataMap::new());
    assert_eq!(of_failure("application/json", status()).await.status(), 500);
    let answer = of_failure("application/grpc", status()).await;
    assert_eq!(answer.headers()["grpc-status"], "2");
}

// --- hyper ---

/// What hyper's client says of a server that answers with these bytes and hangs up.
async fn called(answer: &'static [u8]) -> hyper::Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1_024];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(answer).await.unwrap();
    });
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("/").header("host", "a").body(Full::<Bytes>::default()).unwrap();
    let error = client.send_request(request).await.unwrap_err();
    server.await.unwrap();
    let _ = connection.await;
    error
}

#[tokio::test]
async fn a_called_service_that_breaks_is_not_our_callers_fault() {
    for bytes in [&b"nonsense\r\n\r\n"[..], b"HTTP/1.1 20"] {
        let error = called(bytes).await;
        assert!(error.is_parse() || error.is_incomplete_message(), "{error:?}");
        assert_eq!(of_failure("application/json", error).await.status(), 500);
    }
}

// --- bodies ---

/// A short text that panics when it is read.
struct Panics;

impl Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("pg: password=K-4711")
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(4)
    }
}

#[tokio::test]
async fn a_text_that_panics_while_it_is_read_is_a_500() {
    let bare = Response::builder().status(404).body(Panics).unwrap();
    let answer = behind_the_layer("application/json", Ok(bare)).await;
    assert_eq!(answer.status(), 500);
    let problem = json(&answer);
    assert_eq!(problem["code"], "INTERNAL");
    assert!(problem["error_id"].is_string());
    assert!(!problem.to_string().contains("K-4711"));
}

#[tokio::test]
async fn what_described_the_body_goes_with_it() {
    let mut bare = Response::builder().status(StatusCode::RANGE_NOT_SATISFIABLE);
    for name in
        ["content-digest", "repr-digest", "digest", "content-md5", "content-location", "trailer"]
    {
        bare = bare.header(name, "of the text");
    }
    let bare = bare
        .header("content-disposition", "attachment")
        .header("content-range", "bytes */47")
        .header("x-own", "kept")
        .body(Full::<Bytes>::from("no"))
        .unwrap();
    let answer = behind_the_layer("application/json", Ok(bare)).await;
    assert_eq!(json(&answer)["detail"], "no");
    let headers = answer.headers();
    for name in [
        "content-digest",
        "repr-digest",
        "digest",
        "content-md5",
        "content-location",
        "trailer",
        "content-disposition",
    ] {
        assert_eq!(headers.get(name), None, "{name}");
    }
    // RFC 9110 §15.5.17: this one is about the resource.
    assert_eq!(headers["content-range"], "bytes */47");
    assert_eq!(headers["x-own"], "kept");
}

#[tokio::test]
async fn the_log_has_a_failure_in_whatever_encoding_it_was_told() {
    let text = Full::<Bytes>::from(&b"f\xe4llt aus"[..]);
    let bare = Response::builder().status(500).body(text).unwrap();
    let problem = json(&behind_the_layer("application/json", Ok(bare)).await);
    assert!(problem["error_id"].is_string());
    assert_eq!(problem.get("detail"), None);
}

#[tokio::test]
async fn the_log_has_a_failure_that_was_too_long_to_keep() {
    let text = Full::<Bytes>::from(vec![b'x'; 10_000]);
    let bare = Response::builder().status(500).body(text).unwrap();
    let problem = json(&behind_the_layer("application/json", Ok(bare)).await);
    assert!(problem["error_id"].is_string());

    let bare = Response::builder().status(503).body(Full::<Bytes>::default());
    let problem = json(&behind_the_layer("application/json", Ok(bare.unwrap())).await);
    assert_eq!(problem.get("error_id"), None, "there is nothing to look up");
}
