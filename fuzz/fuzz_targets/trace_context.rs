//! Whatever traceparent and tracestate hold, what is passed on is valid, and reads back as the same.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tower_ready_core::TraceId;
use tower_ready_obs::{TraceContext, TraceState};

fuzz_target!(|data: &[u8]| {
    // Each line is a header; its first byte says which.
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let Some((&first, value)) = line.split_first() else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        let name = if first % 2 == 0 { "traceparent" } else { "tracestate" };
        headers.append(HeaderName::from_static(name), value);
    }
    let state = TraceState::of(&headers);
    assert!(state.iter().count() <= TraceState::MAX_MEMBERS);
    if let Some(value) = state.header_value() {
        assert!(value.len() <= TraceState::MAX_LEN);
        let mut again = HeaderMap::new();
        again.insert(TraceContext::TRACESTATE, value);
        let again = TraceState::of(&again);
        assert!(!again.is_empty());
        for (key, value) in again.iter() {
            assert_eq!(state.get(key), Some(value));
        }
    }
    let Some(context) = TraceContext::extract(&headers) else { return };
    // Core reads the trace by itself, for problems, and must not think otherwise.
    assert_eq!(TraceId::of(&headers), Some(context.trace_id()));
    let own = context.child();
    own.inject(&mut headers);
    assert_eq!(headers.get_all("traceparent").iter().count(), 1);
    let next = TraceContext::extract(&headers).expect("what we write is valid");
    assert_eq!((next.trace_id(), next.span_id()), (own.trace_id(), own.span_id()));
    assert_eq!((next.is_sampled(), next.is_random()), (own.is_sampled(), own.is_random()));
});
