//! Problems on the side of the client.

#![cfg(all(feature = "serde", feature = "tonic"))]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use proptest::prelude::*;
use serde_json::json;
use tonic::{Code as TonicCode, Status};
use tonic_types::{ErrorDetail, ErrorDetails, StatusExt};
use tower_ready_problem::{Caller, Problem, ProblemDetails, ProblemType, Value, grpc::Code, types};

static OUT_OF_STOCK: ProblemType =
    ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock")
        .code(Code::FailedPrecondition);

static TYPES: [&ProblemType; 3] = [&OUT_OF_STOCK, &types::QUOTA_EXCEEDED, &types::OVERLOADED];

fn read(json: &str) -> ProblemDetails {
    ProblemDetails::from_json(json.as_bytes()).unwrap()
}

/// The answer of a problem to an HTTP caller.
fn over_http(problem: Problem) -> Response<Bytes> {
    let request = Request::get("/orders/7")
        .header("x-request-id", "7f3a")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    problem.answer(&Caller::of(&request.body(()).unwrap()))
}

/// What a gRPC client gets of a problem.
fn over_grpc(problem: Problem) -> Status {
    let request = Request::post("/orders.v1.Orders/Get")
        .header("content-type", "application/grpc")
        .header("x-request-id", "7f3a");
    let answer = problem.answer(&Caller::of(&request.body(()).unwrap()));
    Status::from_header_map(answer.headers()).unwrap()
}

// --- JSON ---

#[test]
fn every_member_has_its_place() {
    let problem = read(
        r##"{"type": "https://example.com/probs/out-of-credit", "title": "You do not have enough credit.",
            "status": 403, "detail": "Your balance is 30.", "instance": "/account/12345",
            "code": "OUT_OF_CREDIT", "request_id": "r", "trace_id": "t", "error_id": "e",
            "errors": [{"detail": "must be positive", "pointer": "#/age"}, {"detail": "no place"}],
            "violated-policies": ["burst", "daily"], "balance": 30, "debt": -1, "rate": 0.5,
            "accounts": ["/account/1"], "open": true, "nothing": null, "currency": "EUR"}"##,
    );
    assert_eq!(problem.type_uri, "https://example.com/probs/out-of-credit");
    assert_eq!(problem.title.as_deref(), Some("You do not have enough credit."));
    assert_eq!(problem.status, Some(StatusCode::FORBIDDEN));
    assert_eq!(problem.grpc_code, None);
    assert_eq!(problem.detail.as_deref(), Some("Your balance is 30."));
    assert_eq!(problem.instance.as_deref(), Some("/account/12345"));
    assert_eq!(problem.code.as_deref(), Some("OUT_OF_CREDIT"));
    assert_eq!(problem.request_id.as_deref(), Some("r"));
    assert_eq!(problem.trace_id.as_deref(), Some("t"));
    assert_eq!(problem.error_id.as_deref(), Some("e"));
    let errors: Vec<_> =
        problem.errors.iter().map(|fault| (&*fault.pointer, &*fault.detail)).collect();
    assert_eq!(errors, [("/age", "must be positive"), ("", "no place")]);
    assert_eq!(problem.violated_policies, ["burst", "daily"]);
    assert_eq!(problem.members.len(), 7);
    assert_eq!(problem.member("balance"), Some(&Value::Unsigned(30)));
    assert_eq!(problem.member("debt"), Some(&Value::Integer(-1)));
    assert_eq!(problem.member("rate"), Some(&Value::Number(0.5)));
    assert_eq!(problem.member("open"), Some(&Value::Bool(true)));
    assert_eq!(problem.member("currency"), Some(&Value::from("EUR")));
    let Some(Value::Json(accounts)) = problem.member("accounts") else {
        panic!("no list: {problem:?}")
    };
    assert_eq!(accounts.as_str(), r#"["/account/1"]"#);
    assert_eq!(problem.member("other"), None);
}

#[test]
fn a_standard_member_of_the_wrong_type_counts_as_absent() {
    let problem =
        read(r#"{"type": 1, "title": {}, "status": "404", "detail": ["x"], "instance": null}"#);
    assert_eq!(problem, read("{}"));
    assert_eq!(problem.type_uri, "about:blank");
    for status in ["-1", "0", "99", "600", "70000", "404.5", "1e99", "true"] {
        assert_eq!(read(&format!(r#"{{"status": {status}}}"#)).status, None, "{status}");
    }
}

#[test]
fn an_extension_of_the_wrong_type_is_kept_as_it_is() {
    // As others write them: a number for a code, an object for the faults.
    let problem = read(
        r#"{"code": 17, "errors": {"age": ["must be positive"]}, "violated-policies": "burst",
            "request_id": null}"#,
    );
    assert_eq!(problem.code, None);
    assert!(problem.errors.is_empty() && problem.violated_policies.is_empty());
    assert_eq!(problem.member("code"), Some(&Value::Unsigned(17)));
    let names: Vec<_> = problem.members.iter().map(|member| &*member.0).collect();
    assert_eq!(names, ["code", "errors", "request_id", "violated-policies"]);

    let mixed = read(r#"{"errors": [{"detail": "x"}, "y"]}"#);
    assert!(mixed.errors.is_empty(), "half a list would be a lie");
    assert!(mixed.member("errors").is_some());
}

#[test]
fn what_is_no_object_is_no_problem() {
    use std::error::Error;

    let deep = "[".repeat(100_000);
    let deep_within = format!(r#"{{"a": {}}}"#, "[".repeat(100_000));
    for text in
        ["", "null", "[]", "\"text\"", "{", "{\"status\": 404", "\u{fffd}", &deep, &deep_within]
    {
        let error = ProblemDetails::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "the text is no JSON object");
        assert!(error.source().is_some());
    }
    assert!(ProblemDetails::from_json(b"{\"detail\": \"\xff\"}").is_err());
}

#[test]
fn a_thousand_members_are_enough() {
    let many: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("m{n}"), json!(n))).collect();
    let problem = read(&serde_json::to_string(&many).unwrap());
    assert_eq!(problem.members.len(), ProblemDetails::MAX_ITEMS);

    let many = json!({"errors": vec![json!({"detail": "x"}); 10_000]});
    assert_eq!(read(&many.to_string()).errors.len(), ProblemDetails::MAX_ITEMS);
}

// --- answers ---

fn answer(status: u16, content_type: &str, body: &'static str) -> Response<&'static str> {
    let response = Response::builder().status(status);
    response.header("content-type", content_type).body(body).unwrap()
}

#[test]
fn the_headers_of_an_answer_belong_to_the_problem() {
    let mut response = answer(503, "Application/Problem+JSON; charset=utf-8", r#"{"code": "X"}"#);
    let headers = response.headers_mut();
    headers.insert("retry-after", HeaderValue::from_static("120"));
    headers.insert("x-request-id", HeaderValue::from_static("7f3a"));
    let problem = ProblemDetails::from_response(&response).unwrap();
    assert_eq!(problem.status, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(problem.code.as_deref(), Some("X"));
    assert_eq!(problem.retry_after, Some(Duration::from_secs(120)));
    assert_eq!(problem.request_id.as_deref(), Some("7f3a"));

    *response.body_mut() = r#"{"status": 429, "request_id": "own"}"#;
    let headers = response.headers_mut();
    headers.insert("retry-after", HeaderValue::from_static("Fri, 31 Dec 1999 23:59:59 GMT"));
    let problem = ProblemDetails::from_response(&response).unwrap();
    assert_eq!(problem.status, Some(StatusCode::TOO_MANY_REQUESTS), "what the sender meant");
    assert_eq!(problem.request_id.as_deref(), Some("own"));
    assert_eq!(problem.retry_after, None);
}

#[test]
fn an_error_of_another_form_is_a_problem_of_its_status() {
    for (content_type, body) in [
        ("application/json", r#"{"status": 400, "detail": "mine"}"#),
        ("application/problem+json", "not json"),
        ("application/problem+jsonx", r#"{"detail": "x"}"#),
        ("text/plain", "no such order"),
    ] {
        let problem = ProblemDetails::from_response(&answer(404, content_type, body)).unwrap();
        assert_eq!(problem.status, Some(StatusCode::NOT_FOUND));
        assert_eq!((problem.detail, problem.type_uri.as_str()), (None, "about:blank"));
    }
    assert!(
        ProblemDetails::from_response(&Response::builder().status(502).body("").unwrap()).is_some()
    );
    let fine = answer(200, "application/problem+json", r#"{"status": 404}"#);
    assert_eq!(ProblemDetails::from_response(&fine), None);
}

// --- gRPC ---

#[test]
fn a_status_that_another_library_wrote_is_understood() {
    let mut details = ErrorDetails::with_error_info(
        "OUT_OF_STOCK",
        "shop.example.com",
        [("error_id", "e"), ("trace_id", "t"), ("shelf", "4711")]
            .map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    details
        .set_retry_info(Some(Duration::from_millis(2_500)))
        .set_request_info("r", "serving data")
        .add_bad_request_violation("item.name", "must not be empty \u{2713}")
        .add_bad_request_violation("item.count", "must be positive")
        .add_quota_failure_violation("principal", "spent")
        .set_debug_info(vec!["a stack".to_owned()], "unknown to us")
        .set_localized_message("de", "ausverkauft");
    let status =
        Status::with_error_details(TonicCode::FailedPrecondition, "no teapot: 100 %", details);

    let problem = ProblemDetails::from_status(&status);
    assert_eq!(problem.grpc_code, Some(Code::FailedPrecondition));
    assert_eq!(problem.status, Some(StatusCode::BAD_REQUEST));
    assert_eq!(problem.detail.as_deref(), Some("no teapot: 100 %"));
    assert_eq!(problem.code.as_deref(), Some("OUT_OF_STOCK"));
    assert_eq!(problem.domain.as_deref(), Some("shop.example.com"));
    assert_eq!(problem.error_id.as_deref(), Some("e"));
    assert_eq!(problem.trace_id.as_deref(), Some("t"));
    assert_eq!(problem.request_id.as_deref(), Some("r"));
    assert_eq!(problem.members, [("shelf".to_owned(), Value::from("4711"))]);
    assert_eq!(problem.retry_after, Some(Duration::from_millis(2_500)));
    assert_eq!(problem.errors.len(), 2);
    assert_eq!(problem.errors[0].pointer, "item.name");
    assert_eq!(problem.errors[0].detail, "must not be empty \u{2713}");
    assert_eq!(problem.violated_policies, ["principal"]);
    assert!(problem.is(&OUT_OF_STOCK));
    assert!(!problem.is(&types::OVERLOADED));
}

#[test]
fn a_status_without_details_tells_its_code_and_message() {
    let mut status = Status::unavailable("");
    let problem = ProblemDetails::from_status(&status);
    assert_eq!(problem.grpc_code, Some(Code::Unavailable));
    assert_eq!(problem.status, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!((problem.detail, problem.retry_after), (None, None));

    status.metadata_mut().insert("grpc-retry-pushback-ms", "250".parse().unwrap());
    status.metadata_mut().insert("x-request-id", "7f3a".parse().unwrap());
    let problem = ProblemDetails::from_status(&status);
    assert_eq!(problem.retry_after, Some(Duration::from_millis(250)));
    assert_eq!(problem.request_id.as_deref(), Some("7f3a"));

    status.metadata_mut().insert("grpc-retry-pushback-ms", "-1".parse().unwrap());
    assert_eq!(ProblemDetails::from_status(&status).retry_after, None);
}

fn with_details(details: impl Into<Bytes>) -> ProblemDetails {
    ProblemDetails::from_status(&Status::with_details(TonicCode::Internal, "x", details.into()))
}

#[test]
fn a_delay_that_is_none_is_ignored() {
    // A `RetryInfo` with a duration of these seconds and nanoseconds.
    let delay = |seconds: i64, nanos: i64| {
        let mut duration = Vec::new();
        for (key, mut rest) in [(0x08, seconds as u64), (0x10, nanos as u64)] {
            duration.push(key);
            while rest >= 0x80 {
                duration.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            duration.push(rest as u8);
        }
        let wrap = |key: u8, content: &[u8]| [&[key, content.len() as u8], content].concat();
        let url = wrap(0x0a, b"type.googleapis.com/google.rpc.RetryInfo");
        let any = [url, wrap(0x12, &wrap(0x0a, &duration))].concat();
        with_details(wrap(0x1a, &any)).retry_after
    };
    assert_eq!(delay(2, 5), Some(Duration::new(2, 5)));
    assert_eq!(delay(0, 0), Some(Duration::ZERO));
    assert_eq!(delay(-1, 0), None);
    assert_eq!(delay(1, -1), None);
    assert_eq!(
        delay(i64::MAX, i64::MAX),
        Some(Duration::from_secs(i64::MAX as u64) + Duration::from_nanos(i64::MAX as u64))
    );
}

#[test]
fn a_delay_beyond_what_others_read_is_the_longest_that_they_do() {
    let status = over_grpc(Problem::new(&types::OVERLOADED).retry_after(Duration::MAX));
    let longest = Some(Duration::from_secs(315_576_000_000));
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, longest);
    assert_eq!(ProblemDetails::from_status(&status).retry_after, longest);
}

// --- there and back ---

#[derive(Clone, Debug)]
struct Sent {
    kind: Option<&'static ProblemType>,
    status: StatusCode,
    detail: Option<String>,
    retry_after: Option<u32>,
    violations: Vec<(String, String)>,
    policies: Vec<String>,
    members: Vec<(String, Value)>,
}

impl Sent {
    fn problem(&self) -> Problem {
        let mut problem = self.kind.map_or_else(|| Problem::status(self.status), Problem::new);
        if let Some(detail) = self.detail.clone() {
            problem = problem.detail(detail);
        }
        if let Some(seconds) = self.retry_after {
            problem = problem.retry_after(Duration::from_secs(seconds.into()));
        }
        for (pointer, detail) in self.violations.clone() {
            problem = problem.violation(pointer, detail);
        }
        for policy in self.policies.clone() {
            problem = problem.violated_policy(policy);
        }
        for (name, value) in self.members.clone() {
            problem = problem.with(name, value);
        }
        problem
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,24}", "\\PC{0,12}", Just("\u{0}\r\n\"\\%41#\u{2713}".to_owned())]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let kind = prop_oneof![Just(None), (0..TYPES.len()).prop_map(|n| Some(TYPES[n]))];
    let status = (400_u16..600).prop_map(|status| StatusCode::from_u16(status).unwrap());
    let violations = prop::collection::vec((text(), text()), 0..4);
    let members = prop::collection::btree_map("[a-z]_[a-z]{1,6}", value(), 0..4);
    (
        (kind, status, prop::option::of(text())),
        (prop::option::of(any::<u32>()), violations, prop::collection::vec(text(), 0..3)),
        members,
    )
        .prop_map(|((kind, status, detail), (retry_after, violations, policies), members)| {
            Sent {
                kind,
                status,
                detail,
                retry_after,
                violations,
                policies,
                members: members.into_iter().collect(),
            }
        })
}

fn faults(problem: &ProblemDetails) -> Vec<(String, String)> {
    let pairs = problem.errors.iter();
    pairs.map(|fault| (fault.pointer.clone(), fault.detail.clone())).collect()
}

proptest! {
    #[test]
    fn a_problem_comes_back_over_http_as_it_was_sent(sent in sent()) {
        let problem = sent.problem();
        let received = ProblemDetails::from_response(&over_http(problem.clone())).unwrap();
        prop_assert_eq!(received.status, Some(problem.http_status()));
        prop_assert_eq!(received.title.as_deref(), Some(problem.title()));
        prop_assert_eq!(received.code.as_deref(), Some(&*problem.reason()));
        prop_assert_eq!(received.detail.as_ref(), sent.detail.as_ref());
        prop_assert_eq!(received.instance.as_deref(), Some("/orders/7"));
        prop_assert_eq!(received.request_id.as_deref(), Some("7f3a"));
        prop_assert_eq!(received.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        prop_assert_eq!(received.retry_after, sent.retry_after.map(|delay| Duration::from_secs(delay.into())));
        prop_assert_eq!(faults(&received), sent.violations);
        prop_assert_eq!(&received.violated_policies, &sent.policies);
        prop_assert_eq!(received.members.len(), sent.members.len());
        if let Some(kind) = sent.kind {
            prop_assert!(received.is(kind));
        }
    }

    #[test]
    fn our_own_answer_says_the_same(sent in sent()) {
        let problem = sent.problem();
        let again = ProblemDetails::from_response(&over_http(problem.clone())).unwrap().into_problem(&TYPES);
        prop_assert_eq!(again.problem_type(), problem.problem_type());
        prop_assert_eq!(again.http_status(), problem.http_status());
        prop_assert_eq!(again.reason(), problem.reason());
        if problem.http_status().is_client_error() {
            let json = |problem: &Problem| serde_json::from_slice::<serde_json::Value>(&problem.to_json()).unwrap();
            prop_assert_eq!(json(&again), json(&problem));
        }
    }

    #[test]
    fn a_problem_comes_back_over_grpc_as_it_was_sent(sent in sent()) {
        let problem = sent.problem();
        let received = ProblemDetails::from_status(&over_grpc(problem.clone()));
        prop_assert_eq!(received.grpc_code, Some(problem.grpc_code()));
        prop_assert_eq!(received.code.as_deref(), Some(&*problem.reason()));
        prop_assert_eq!(received.domain.as_deref(), Some("tower-ready"));
        let message = sent.detail.unwrap_or_else(|| problem.title().to_owned());
        prop_assert_eq!(received.detail.clone().unwrap_or_default(), message);
        prop_assert_eq!(received.request_id.as_deref(), Some("7f3a"));
        prop_assert_eq!(received.retry_after, sent.retry_after.map(|delay| Duration::from_secs(delay.into())));
        prop_assert_eq!(faults(&received), sent.violations);
        prop_assert_eq!(&received.violated_policies, &sent.policies);
        let as_text = |value: &Value| match value {
            Value::Text(text) => text.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Unsigned(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            other => panic!("{other:?}"),
        };
        let members: Vec<_> = sent.members.iter().map(|(name, value)| (name.clone(), Value::from(as_text(value)))).collect();
        prop_assert_eq!(received.members, members);
    }

    #[test]
    fn details_of_any_bytes_are_read_without_a_panic_and_within_bounds(bytes: Vec<u8>) {
        with_details(bytes);
    }

    /// Near misses find more than noise does.
    #[test]
    fn broken_details_are_read_without_a_panic_and_within_bounds(
        sent in sent(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        let status = over_grpc(sent.problem());
        let mut bytes = status.details().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        with_details(bytes);
    }
}

#[test]
fn many_small_entries_do_not_grow_without_bound() {
    let url = b"\x0a\x18/google.rpc.QuotaFailure\x12";
    // Each violation is two bytes, and a `String` when it is read.
    let violations = [0x0a, 0].repeat(100_000);
    let mut any = url.to_vec();
    let length = violations.len();
    any.extend([length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8]);
    any.extend(violations);
    let mut status = vec![0x1a];
    let length = any.len();
    status.extend([length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8]);
    status.extend(any);
    assert_eq!(with_details(status).violated_policies.len(), ProblemDetails::MAX_ITEMS);
}

#[test]
fn what_our_caller_has_no_business_with_stays_with_us() {
    let received = read(
        r##"{"type": "about:blank", "status": 503, "code": "OVERLOADED", "detail": "pg: password=4711",
            "exception": "at main.c:17", "errors": [{"detail": "x", "pointer": "#/x"}],
            "request_id": "theirs", "error_id": "e17"}"##,
    );
    let problem = received.into_problem(&TYPES).with("ours", 1);
    assert_eq!(problem.problem_type(), Some(&types::OVERLOADED));
    let json = String::from_utf8(problem.to_json().to_vec()).unwrap();
    for hidden in ["4711", "main.c", "errors", "theirs", "e17"] {
        assert!(!json.contains(hidden), "{json}");
    }
    assert!(problem.has_internals(), "the log has it");
}

#[test]
fn a_problem_of_an_unknown_type_is_one_of_its_status() {
    let received = read(
        r#"{"type": "/problems/other", "title": "Something else", "status": 409, "code": "OTHER"}"#,
    );
    let problem = received.into_problem(&TYPES);
    assert_eq!(problem.problem_type(), None);
    assert_eq!(problem.http_status(), StatusCode::CONFLICT);
    assert_eq!(problem.to_string(), "Conflict: Something else");

    assert_eq!(read("{}").into_problem(&[]).http_status(), 500);
    assert_eq!(read(r#"{"status": 200}"#).into_problem(&[]).http_status(), 500);
    let fine = ProblemDetails::from_status(&Status::ok("")).into_problem(&[]);
    assert_eq!((fine.http_status().as_u16(), fine.grpc_code()), (500, Code::Unknown));
}

#[test]
fn a_line_of_the_log_cannot_be_forged() {
    let received = read(
        &json!({"status": 500, "code": "X\r\nERROR forged", "detail": "d".repeat(10_000), "error_id": "e"}).to_string(),
    );
    let line = received.to_string();
    assert!(line.starts_with(r"received 500: X\r\nERROR forged: ddd"), "{line}");
    assert!(line.ends_with(", error_id e"));
    assert!(line.len() < 400);
}

// Keeps the import honest where `ErrorDetail` is all that a peer offers.
#[test]
fn one_detail_alone_is_enough() {
    let detail: ErrorDetail = tonic_types::RequestInfo::new("r", "").into();
    let status = Status::with_error_details_vec(TonicCode::Aborted, "x", vec![detail]);
    assert_eq!(ProblemDetails::from_status(&status).request_id.as_deref(), Some("r"));
}
