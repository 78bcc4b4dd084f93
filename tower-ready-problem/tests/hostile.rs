//! What callers and handlers may throw at it: a right answer, and bounded memory.

mod support;

use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use serde_json::Value;
use support::Reject;
use tonic_types::StatusExt;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_ready_problem::{Caller, Problem, ProblemLayer, Problems, types};
use tower_ready_testing::{Call, each_host};

each_host! {
    /// Header bytes that are no text reach the layer on every host, and do it no harm.
    async fn hostile_headers_get_a_right_answer(host) {
        let server = host.serve(Reject::with(|| Problem::new(&types::QUOTA_EXCEEDED))).await;
        for value in [&b"\xff\xfe\x80"[..], b"%00%0d%0a", b"\"\\", b"\t", &[b'a'; 1_000]] {
            let mut call = Call::ok();
            for name in ["x-request-id", "traceparent", "accept", "connect-protocol-version"] {
                call = call.header(name, value);
            }
            let reply = server.call(call).await;
            reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
            assert_eq!(reply.header("x-request-id").unwrap().len(), 36);
        }
    }
}

/// A body of this many equal bytes, which says how long it is or does not.
struct Flood {
    left: usize,
    told: bool,
    polled: usize,
}

impl Body for Flood {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const CHUNK: Bytes = Bytes::from_static(&[b'x'; 1024]);
        self.polled += 1;
        assert!(self.polled < 100, "read far past what any detail may hold");
        let Some(left) = self.left.checked_sub(CHUNK.len()) else {
            return Poll::Ready(None);
        };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(CHUNK))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.told { SizeHint::with_exact(self.left as u64) } else { SizeHint::default() }
    }
}

async fn through_layer(status: u16, content_type: &'static str, body: Flood) -> Response<Body2> {
    let response = || Response::builder().status(status).header(CONTENT_TYPE, content_type);
    let body = std::cell::Cell::new(Some(body));
    let inner = service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(response().body(body.take().unwrap()).unwrap()))
    });
    let service = ServiceBuilder::new().layer(ProblemLayer::default()).service(inner);
    service.oneshot(Request::new(())).await.unwrap()
}

type Body2 = tower_ready_problem::ProblemBody<Flood>;

#[tokio::test]
async fn ten_mebibytes_of_a_5xx_are_not_read_and_not_shown() {
    for told in [true, false] {
        let body = Flood { left: 10 << 20, told, polled: 0 };
        let response = through_layer(500, "text/plain", body).await;
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.len() < 1_024, "{}", body.len());
    }
}

#[tokio::test]
async fn a_long_text_of_a_4xx_and_a_page_pass_unread() {
    for (status, content_type, told) in
        [(404, "text/plain", true), (404, "text/plain", false), (500, "text/html", true)]
    {
        let body = Flood { left: 10 << 20, told, polled: 0 };
        let response = through_layer(status, content_type, body).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
    }
}

fn answer(problem: Problem, content_type: Option<&str>) -> Response<Bytes> {
    let mut request = Request::post("/p");
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    problem.answer(&Caller::of(&request.body(()).unwrap()))
}

#[test]
fn ten_thousand_members_and_faults_are_bounded() {
    let mut problem = Problem::new(&types::INVALID_CONTENT).detail("\u{2713}".repeat(100_000));
    for n in 0..10_000 {
        problem = problem
            .with(format!("member_{n}"), "x".repeat(100))
            .violation(format!("/{n}"), "y".repeat(100));
    }
    let http = answer(problem.clone(), None);
    assert!(http.body().len() < 64 * 1024, "{}", http.body().len());
    let json: Value = serde_json::from_slice(http.body()).unwrap();
    assert_eq!(json["errors"].as_array().unwrap().len(), Problem::MAX_VIOLATIONS);
    assert_eq!(json["member_63"].as_str().unwrap().len(), 100);

    let grpc = answer(problem, Some("application/grpc"));
    let length =
        |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    let total: usize = grpc.headers().iter().map(length).sum();
    assert!(total <= 8 * 1024, "clients bound all headers together: {total}");

    // A list that is cut short leaves room for the other details.
    let status = tonic::Status::from_header_map(grpc.headers()).unwrap();
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "INVALID_CONTENT");
    assert!(details.error_info().unwrap().metadata.len() >= 4);
    assert!(details.request_info().is_some());
    assert!(details.bad_request().unwrap().field_violations.len() > 5);
}

#[test]
fn names_that_are_none_are_left_out() {
    let mut problem = Problem::new(&types::INTERNAL);
    for name in ["", "1st", "type", "request_id", "a b", "\u{2713}", "a\"b", &"x".repeat(65)] {
        problem = problem.with(name.to_owned(), "no");
    }
    let json = String::from_utf8(problem.to_json().to_vec()).unwrap();
    assert!(!json.contains("\"no\""), "{json}");
}

#[test]
fn a_status_that_is_no_error_is_taken_for_500() {
    for status in [StatusCode::OK, StatusCode::SWITCHING_PROTOCOLS, StatusCode::FOUND] {
        let problem = Problem::status(status);
        assert_eq!(problem.http_status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[test]
fn a_wrong_setting_is_refused_by_name() {
    use tower_ready_problem::ConfigErrorKind::{Base, Domain, DuplicateType};

    for (builder, kind) in [
        (Problems::builder().base("api.example.com"), Base),
        (Problems::builder().base("ftp://example.com"), Base),
        (Problems::builder().base("/api?x"), Base),
        (Problems::builder().base("not a uri"), Base),
        (Problems::builder().domain(""), Domain),
        (Problems::builder().domain("a b"), Domain),
        (Problems::builder().types([&types::INTERNAL]), DuplicateType),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    for base in ["", "/", "/api", "/api/", "https://api.example.com", "http://[::1]:8080/v1/"] {
        Problems::builder().base(base).build().unwrap();
    }
}

proptest! {
    /// Whatever a handler puts in, the answer parses and says it, and headers stay valid.
    #[test]
    fn any_text_makes_a_valid_answer(detail: String, pointer: String, member: String) {
        let problem = Problem::new(&types::INVALID_CONTENT)
            .detail(detail.clone())
            .with("member", member.clone())
            .violation(pointer.clone(), detail.clone());
        let json: Value =
            serde_json::from_slice(answer(problem.clone(), None).body()).unwrap();
        prop_assert_eq!(&json["detail"], &detail);
        prop_assert_eq!(&json["member"], &member);
        // RFC 6901 §6: a pointer in a fragment is percent-encoded, as a message of gRPC is.
        let fragment: HeaderValue = json["errors"][0]["pointer"].as_str().unwrap().parse().unwrap();
        let decoded = tower_ready_core::grpc::decode_message(&fragment);
        prop_assert_eq!(decoded, format!("#{pointer}"));
        let grpc = answer(problem, Some("application/grpc"));
        let message = tower_ready_core::grpc::decode_message(&grpc.headers()["grpc-message"]);
        prop_assert!(detail.starts_with(&message));
    }

    /// A foreign answer with any text and any headers keeps the headers and never fails.
    #[test]
    fn any_foreign_text_makes_a_valid_answer(text: Vec<u8>, status in 400_u16..600, own: u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let inner = service_fn(move |_: Request<()>| {
            let mut response = Response::new(Full::from(text.clone()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response.headers_mut().insert("x-own", HeaderValue::from(own));
            ready(Ok::<_, Infallible>(response))
        });
        let service = ServiceBuilder::new().layer(ProblemLayer::default()).service(inner);
        let (parts, body) = runtime.block_on(async {
            let (parts, body) = service.oneshot(Request::new(())).await.unwrap().into_parts();
            (parts, body.collect().await.unwrap().to_bytes())
        });
        let json: Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(&json["status"], status);
        prop_assert_eq!(parts.status.as_u16(), status);
        prop_assert_eq!(parts.headers.get("x-own"), Some(&HeaderValue::from(own)));
        prop_assert_eq!(parts.headers.get_all(CONTENT_TYPE).iter().count(), 1);
    }
}

#[test]
fn a_base_without_a_word_keeps_the_default_reference() {
    let problems = Problems::builder().base("").build().unwrap();
    assert!(format!("{problems:?}").contains("\"/problems/\""), "{problems:?}");
}
