//! Whatever a request's head holds, a problem is answered in a form that is valid.

#![no_main]

use http::{HeaderName, HeaderValue, Method, Request};
use libfuzzer_sys::fuzz_target;
use tower_ready_core::{Protocol, RequestId, TraceId, grpc};
use tower_ready_problem::{Caller, Problem, types};

const NAMES: [&str; 6] = [
    "content-type",
    "x-request-id",
    "traceparent",
    "connect-protocol-version",
    "grpc-message",
    "accept",
];

fuzz_target!(|data: &[u8]| {
    // The first byte chooses the method, each line after it is a header or the path.
    let Some((&first, rest)) = data.split_first() else { return };
    let method = [Method::GET, Method::POST, Method::HEAD][usize::from(first) % 3].clone();
    let mut lines = rest.split(|byte| *byte == b'\n');
    let path = lines.next().and_then(|path| std::str::from_utf8(path).ok()).unwrap_or("/");
    let Ok(mut request) = Request::builder().method(method).uri(path).body(()) else { return };
    for (name, value) in NAMES.iter().cycle().zip(lines).take(24) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    if let Some(id) = RequestId::of(request.headers()) {
        assert!(id.as_str().len() <= RequestId::MAX_LEN && id.as_str().is_ascii());
    }
    if let Some(id) = TraceId::of(request.headers()) {
        assert_ne!(id.as_u128(), 0);
    }
    if let Some(message) = request.headers().get("grpc-message") {
        let text = grpc::decode_message(message);
        assert_eq!(grpc::decode_message(&grpc::encode_message(&text)), text);
    }
    let protocol = Protocol::of(&request);
    let answer = Problem::new(&types::QUOTA_EXCEEDED).answer(&Caller::of(&request));
    assert_eq!(protocol.is_grpc(), is_grpc(&answer));
    if protocol == Protocol::Http && request.method() != Method::HEAD {
        assert!(answer.body().starts_with(b"{") && answer.body().ends_with(b"}"));
    }
});

fn is_grpc<B>(answer: &http::Response<B>) -> bool {
    let content_type = answer.headers()["content-type"].as_bytes();
    content_type == b"application/grpc" || content_type.starts_with(b"application/grpc+")
}
