//! Whatever becomes of a request, it is counted once, and is over when it is over.

use std::{
    convert::Infallible,
    panic::{self, AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Once,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use proptest::prelude::*;
use tower::{Layer, Service, service_fn};
use tower_ready_obs::{Metrics, Streams};

/// What a step of a service or a body does when it is polled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Wait,
    Data,
    Trailers(Option<u8>),
    Fail,
    Panic,
}

#[derive(Clone, Debug)]
struct Script {
    is_grpc: bool,
    is_stream: bool,
    is_head: bool,
    /// `call` itself panics.
    panics_in_call: bool,
    /// Before the head: waits, then perhaps an error or a panic.
    before: Vec<Step>,
    status: u16,
    head_code: Option<u8>,
    body: Vec<Step>,
    /// Whether the body knows that it is over.
    knows_its_end: bool,
    /// How often its owner polls before it drops all; none: to the end.
    patience: Option<usize>,
}

/// What a request should be counted as.
#[derive(Debug, PartialEq)]
struct Counted {
    status: Option<String>,
    error: Option<String>,
}

struct Scripted {
    steps: std::vec::IntoIter<Step>,
    knows_its_end: bool,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.steps.next() {
            None => Poll::Ready(None),
            Some(Step::Wait) => Poll::Pending,
            Some(Step::Data) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data"))))),
            Some(Step::Trailers(code)) => {
                self.steps = Vec::new().into_iter();
                Poll::Ready(Some(Ok(Frame::trailers(trailers(code)))))
            }
            Some(Step::Fail) => {
                self.steps = Vec::new().into_iter();
                Poll::Ready(Some(Err(std::io::Error::other("do not show this: K-4711"))))
            }
            Some(Step::Panic) => panic!("do not show this: K-4711"),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.steps.as_slice().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn trailers(code: Option<u8>) -> HeaderMap {
    let value = |code: u8| ("grpc-status".parse().unwrap(), HeaderValue::from(u16::from(code)));
    code.map(value).into_iter().collect()
}

fn request(script: &Script) -> Request<http_body_util::Empty<Bytes>> {
    let method = match script {
        Script { is_grpc: true, .. } => "POST",
        Script { is_head: true, .. } => "HEAD",
        _ => "GET",
    };
    let mut request = Request::builder().method(method).uri("/a.B/Get");
    if script.is_grpc {
        request = request.header("content-type", "application/grpc");
    }
    request.body(http_body_util::Empty::new()).unwrap()
}

fn response(script: &Script) -> Response<Scripted> {
    let mut response = Response::new(Scripted {
        steps: script.body.clone().into_iter(),
        knows_its_end: script.knows_its_end,
    });
    *response.status_mut() = StatusCode::from_u16(script.status).unwrap();
    let headers = response.headers_mut();
    if script.is_stream {
        headers.insert("content-type", HeaderValue::from_static("text/event-stream"));
    }
    if let Some(code) = script.head_code.filter(|_| script.is_grpc) {
        headers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    }
    response
}

/// Drives one request as far as its owner goes.
fn run(script: &Script, metrics: &Metrics) {
    let inner = {
        let script = script.clone();
        service_fn(move |_: Request<http_body_util::Empty<Bytes>>| {
            assert!(!script.panics_in_call, "do not show this: K-4711");
            let mut steps = script.before.clone().into_iter();
            let mut response = Some(response(&script));
            std::future::poll_fn(move |_| match steps.next() {
                Some(Step::Wait) => Poll::Pending,
                Some(Step::Fail) => Poll::Ready(Err(std::io::Error::other("K-4711"))),
                Some(Step::Panic) => panic!("do not show this: K-4711"),
                _ => Poll::Ready(Ok(response.take().unwrap())),
            })
        })
    };
    let mut service = metrics.layer().layer(inner);
    let mut patience = script.patience.unwrap_or(usize::MAX);
    let mut polls = || {
        patience = patience.saturating_sub(1);
        patience > 0
    };
    let context = &mut Context::from_waker(Waker::noop());
    let mut future = pin!(service.call(request(script)));
    let response = loop {
        if !polls() {
            return;
        }
        if let Poll::Ready(answer) = future.as_mut().poll(context) {
            match answer {
                Ok(response) => break response,
                Err(_) => return,
            }
        }
    };
    let mut body = pin!(response.into_body());
    while !body.is_end_stream() && polls() {
        if let Poll::Ready(None | Some(Err(_))) = body.as_mut().poll_frame(context) {
            return;
        }
    }
}

/// The same, told by the rules and in plain steps.
fn expected(script: &Script) -> Counted {
    let mut patience = script.patience.unwrap_or(usize::MAX);
    let mut polls = || {
        patience = patience.saturating_sub(1);
        patience > 0
    };
    let none = |error: &str| Counted {
        status: script
            .is_grpc
            .then(|| if error == "cancelled" { "CANCELLED" } else { "UNKNOWN" }.to_owned()),
        error: Some(error.to_owned()),
    };
    if script.panics_in_call {
        return none("panic");
    }
    let mut before = script.before.iter();
    loop {
        if !polls() {
            return none("cancelled");
        }
        match before.next() {
            Some(Step::Wait) => {}
            Some(Step::Fail) => return none("_OTHER"),
            Some(Step::Panic) => return none("panic"),
            _ => break,
        }
    }
    let head_code = script.head_code.filter(|_| script.is_grpc);
    let mut ending = "complete";
    let mut trailer = None;
    let no_body = matches!(script.status, 204 | 304) || script.is_head && !script.is_grpc;
    if !no_body {
        let mut steps = script.body.iter().copied();
        loop {
            if script.knows_its_end && steps.as_slice_is_empty() {
                break;
            }
            if !polls() {
                ending = "cancelled";
                break;
            }
            match steps.next() {
                None => break,
                Some(Step::Wait | Step::Data) => {}
                Some(Step::Trailers(code)) => {
                    trailer = code;
                    break;
                }
                Some(Step::Fail) => {
                    ending = "body";
                    break;
                }
                Some(Step::Panic) => {
                    ending = "panic";
                    break;
                }
            }
        }
    }
    if script.is_grpc {
        let by_status = match script.status {
            200 => None,
            404 => Some(12),
            503 => Some(14),
            _ => Some(2),
        };
        let said = head_code.or(trailer).or(by_status);
        let code = said.unwrap_or(if ending == "cancelled" { 1 } else { 2 });
        let is_error = |code: u8| matches!(code, 2 | 4 | 12 | 13 | 14 | 15);
        let code_name = tower_ready_core::grpc::Code::try_from(code).unwrap().name().to_owned();
        let error = match ending {
            "panic" => Some("panic".to_owned()),
            _ if said.is_some_and(is_error) => Some(code_name.clone()),
            "complete" => is_error(code).then(|| code_name.clone()),
            other => Some(other.to_owned()),
        };
        return Counted { status: Some(code_name), error };
    }
    let error = match ending {
        "panic" => Some("panic".to_owned()),
        _ if script.status >= 500 => Some(script.status.to_string()),
        "complete" => None,
        other => Some(other.to_owned()),
    };
    Counted { status: Some(script.status.to_string()), error }
}

trait SliceIsEmpty {
    fn as_slice_is_empty(&self) -> bool;
}

impl<I: Iterator + Clone> SliceIsEmpty for I {
    fn as_slice_is_empty(&self) -> bool {
        self.clone().next().is_none()
    }
}

fn scripts() -> impl Strategy<Value = Script> {
    let code = || proptest::option::of(0_u8..=16);
    let body = prop_oneof![
        3 => Just(Step::Wait),
        6 => Just(Step::Data),
        2 => code().prop_map(Step::Trailers),
        1 => Just(Step::Fail),
        1 => Just(Step::Panic),
    ];
    let before = prop_oneof![
        8 => Just(Step::Wait),
        1 => Just(Step::Fail),
        1 => Just(Step::Panic),
    ];
    let status = prop::sample::select(vec![200_u16, 200, 200, 204, 304, 404, 500, 503]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let before = prop::collection::vec(before, 0..4);
    let body = prop::collection::vec(body, 0..5);
    let patience = proptest::option::of(1_usize..10);
    (flags, prop::bool::weighted(0.05), before, status, code(), body, patience).prop_map(
        |(flags, panics_in_call, before, status, head_code, mut body, patience)| {
            // A body that is over when it has been waited for says so when it is polled.
            while body.last() == Some(&Step::Wait) {
                body.pop();
            }
            Script {
                is_grpc: flags.0,
                is_stream: flags.1,
                is_head: flags.2,
                knows_its_end: flags.3,
                panics_in_call,
                before,
                status,
                head_code,
                body,
                patience,
            }
        },
    )
}

/// Panics on purpose are not worth a line.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>();
            if !text.is_some_and(|text| text.contains("K-4711")) {
                usual(info);
            }
        }));
    });
}

fn escaped(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_request_is_counted_once_as_what_became_of_it(
        scripts in prop::collection::vec(scripts(), 1..12),
        both: bool,
    ) {
        quiet();
        let streams = if both { Streams::Both } else { Streams::Apart };
        let metrics = Metrics::builder().streams(streams).body_sizes(true).max_series(200).build().unwrap();
        for script in &scripts {
            let before = metrics.scrape();
            let _ = catch_unwind(AssertUnwindSafe(|| run(script, &metrics)));
            let after = metrics.scrape();
            let is_stream = script.is_stream
                && !script.is_grpc
                && expected(script).status.is_some();
            let Counted { status, error } = expected(script);
            let labels = match script.is_grpc {
                true => format!(
                    "{{rpc_response_status_code=\"{}\",error_type=\"{}\"}}",
                    escaped(status.as_ref()), escaped(error.as_ref()),
                ),
                false => format!(
                    "{{http_response_status_code=\"{}\",error_type=\"{}\"}}",
                    escaped(status.as_ref()), escaped(error.as_ref()),
                ),
            };
            let family = if script.is_grpc { "rpc_server_call" } else { "http_server_request" };
            let own = format!("{family}_duration_seconds_count");
            let stream = "tower_ready_http_stream_duration_seconds_count";
            let grown = |selector: &str| after.sum(selector) - before.sum(selector);
            let counted = f64::from(u8::from(!is_stream || both));
            prop_assert_eq!(grown(&format!("{own}{labels}")), counted, "{:?}", script);
            prop_assert_eq!(grown(&own), counted);
            let streamed = f64::from(u8::from(is_stream));
            prop_assert_eq!(grown(&format!("{stream}{labels}")), streamed, "{:?}", script);
            prop_assert_eq!(grown(stream), streamed);
        }
        let scrape = metrics.scrape();
        scrape.assert("http_server_active_requests", 0.0);
        prop_assert!(!scrape.mentions("K-4711"));
        let panics = scrapes_panics(&scripts);
        scrape.assert("tower_ready_panics_total", panics as f64);
    }
}

fn scrapes_panics(scripts: &[Script]) -> usize {
    let panicked = |script: &&Script| expected(script).error.as_deref() == Some("panic");
    scripts.iter().filter(panicked).count()
}

#[tokio::test]
async fn a_future_that_is_never_polled_is_a_request_that_was_cancelled() {
    let metrics = Metrics::builder().build().unwrap();
    let inner = service_fn(|_: Request<String>| async {
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let mut service = metrics.layer().layer(inner);
    let future = service.call(Request::new(String::new()));
    metrics.scrape().assert("http_server_active_requests", 1.0);
    drop(future);
    let scrape = metrics.scrape();
    scrape.assert("http_server_active_requests", 0.0);
    let cancelled = r#"http_server_request_duration_seconds_count{error_type="cancelled",http_response_status_code=""}"#;
    scrape.assert(cancelled, 1.0);
}
