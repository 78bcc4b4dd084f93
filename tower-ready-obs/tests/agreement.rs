//! The log and the metrics say the same of a request, whatever its head said and however it ended.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_obs::{Metrics, Tracing};
use tower_ready_testing::logs::{Level, capture};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Complete,
    Trailers(Option<u16>),
    Error,
    Dropped,
}

/// One piece of data, and then its end.
struct Ends {
    is_data: bool,
    ending: Option<Ending>,
}

impl Body for Ends {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if std::mem::take(&mut self.is_data) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data")))));
        }
        Poll::Ready(match self.ending.take() {
            Some(Ending::Trailers(code)) => Some(Ok(Frame::trailers(status(code)))),
            Some(Ending::Error) => Some(Err(io::Error::other("secret"))),
            _ => None,
        })
    }
}

fn status(code: Option<u16>) -> HeaderMap {
    let value = |code| (http::HeaderName::from_static("grpc-status"), HeaderValue::from(code));
    code.map(value).into_iter().collect()
}

#[derive(Debug)]
struct Case {
    content_type: &'static str,
    status: u16,
    head: Option<u16>,
    ending: Ending,
}

fn cases() -> Vec<Case> {
    let trailers = [None, Some(0), Some(5), Some(14)].map(Ending::Trailers);
    let endings = || [Ending::Complete, Ending::Error, Ending::Dropped].into_iter().chain(trailers);
    let mut cases = Vec::new();
    for status in [200, 204, 404, 429, 500, 503] {
        for ending in endings() {
            let case = |content_type, head| Case { content_type, status, head, ending };
            cases.push(case("text/plain", None));
            cases.extend(
                [None, Some(0), Some(5), Some(14)].map(|head| case("application/grpc", head)),
            );
        }
    }
    cases
}

/// What the log says: the code, the error and whether it is one of ours.
type Said = (Option<String>, Option<String>, Level);

/// Runs one request, and returns what both say of it.
async fn run(case: &Case) -> (Said, Metrics) {
    let logs = capture();
    let metrics = Metrics::builder().build().unwrap();
    let Case { status: number, head, ending, .. } = *case;
    let inner = service_fn(move |_: Request<()>| async move {
        let mut response = Response::new(Ends { is_data: true, ending: Some(ending) });
        *response.status_mut() = StatusCode::from_u16(number).unwrap();
        response.headers_mut().extend(status(head));
        Ok::<_, io::Error>(response)
    });
    let tracing = Tracing::builder().build().unwrap();
    let service = tracing.layer().layer(metrics.layer().layer(inner));
    let request = Request::post("/a.B/Get").header("content-type", case.content_type);
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let mut body = response.into_body();
    while ending != Ending::Dropped && matches!(body.frame().await, Some(Ok(_))) {}
    drop(body);
    let lines = logs.under("tower_ready_obs::access");
    let [line] = &*lines else { panic!("{case:?}: {}", logs.text()) };
    let field = |name| line.field(name).map(str::to_owned);
    ((field("grpc_status"), field("error_type"), line.level()), metrics)
}

#[tokio::test]
async fn they_agree_on_every_ending() {
    for case in cases() {
        let ((code, error, level), metrics) = run(&case).await;
        let error = error.unwrap_or_default();
        let selector = match code.as_deref() {
            Some(code) => format!(
                "rpc_server_call_duration_seconds_count{{rpc_response_status_code=\"{code}\",error_type=\"{error}\"}}"
            ),
            None => format!(
                "http_server_request_duration_seconds_count{{http_response_status_code=\"{}\",error_type=\"{error}\"}}",
                case.status
            ),
        };
        let text = metrics.to_text();
        assert_eq!(metrics.scrape().sum(&selector), 1.0, "{case:?}: {selector} of\n{text}");
        assert_eq!(
            level == Level::ERROR,
            !matches!(&*error, "" | "cancelled"),
            "{case:?}: {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_a_caller_left_is_what_its_head_said() {
    let ending = Ending::Dropped;
    let of = async |content_type, status, head| {
        let ((code, error, _), _) = run(&Case { content_type, status, head, ending }).await;
        (code.unwrap_or_default(), error.unwrap_or_default())
    };
    let pair = |code: &str, error: &str| (code.to_owned(), error.to_owned());
    assert_eq!(of("text/plain", 200, None).await, pair("", "cancelled"));
    assert_eq!(of("text/plain", 503, None).await, pair("", "503"));
    let grpc = "application/grpc";
    assert_eq!(of(grpc, 200, None).await, pair("CANCELLED", "cancelled"));
    // What a client of gRPC makes of a proxy's answer.
    assert_eq!(of(grpc, 503, None).await, pair("UNAVAILABLE", "UNAVAILABLE"));
    assert_eq!(of(grpc, 429, None).await, pair("UNAVAILABLE", "UNAVAILABLE"));
    assert_eq!(of(grpc, 200, Some(14)).await, pair("UNAVAILABLE", "UNAVAILABLE"));
}
