//! The trace context as a propagator of the opentelemetry crate.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use tower_ready_obs::TraceContextPropagator;

#[derive(Default)]
struct Carrier(HeaderMap);

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values = self.0.get_all(key).iter().filter_map(|value| value.to_str().ok());
        Some(values.collect())
    }
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::from_bytes(key.as_bytes()).unwrap();
        self.0.insert(name, HeaderValue::try_from(value).unwrap());
    }
}

fn carrier(lines: &[(&'static str, &'static str)]) -> Carrier {
    let line = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    Carrier(lines.iter().map(line).collect())
}

/// What goes on to the next hop.
fn pass(lines: &[(&'static str, &'static str)]) -> Carrier {
    let propagator = TraceContextPropagator::new();
    let context = propagator.extract_with_context(&Context::new(), &carrier(lines));
    let mut next = Carrier::default();
    propagator.inject_context(&context, &mut next);
    next
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

#[test]
fn a_context_passes_whole() {
    let next = pass(&[("traceparent", PARENT), ("tracestate", "foo=1"), ("tracestate", "bar=2")]);
    assert_eq!(next.get("traceparent"), Some(PARENT), "with the flag of a random id");
    assert_eq!(next.get("tracestate"), Some("foo=1,bar=2"), "with all of its headers");
}

#[test]
fn an_empty_state_is_not_sent() {
    assert!(!pass(&[("traceparent", PARENT)]).0.contains_key("tracestate"));
    assert!(
        !pass(&[("traceparent", PARENT), ("tracestate", "Foo=1")]).0.contains_key("tracestate")
    );
}

#[test]
fn nothing_comes_of_what_is_not_valid() {
    assert!(pass(&[]).0.is_empty());
    assert!(pass(&[("traceparent", PARENT), ("traceparent", PARENT)]).0.is_empty());
    assert!(pass(&[("tracestate", "foo=1")]).0.is_empty());
}

#[test]
fn what_is_not_valid_leaves_the_context_that_is_there() {
    let propagator = TraceContextPropagator::new();
    let there =
        propagator.extract_with_context(&Context::new(), &carrier(&[("traceparent", PARENT)]));
    let same = propagator.extract_with_context(&there, &carrier(&[("traceparent", "nonsense")]));
    assert_eq!(same.span().span_context(), there.span().span_context());
    assert!(same.span().span_context().is_remote());
}

#[test]
fn a_key_that_opentelemetry_cannot_hold_takes_no_other_with_it() {
    let next = pass(&[("traceparent", PARENT), ("tracestate", "foo=1,a@b@c=2,bar=3")]);
    assert_eq!(next.get("tracestate"), Some("foo=1,bar=3"));
}

#[test]
fn its_fields_are_the_two_headers() {
    let fields = TraceContextPropagator::new();
    assert_eq!(fields.fields().collect::<Vec<_>>(), ["traceparent", "tracestate"]);
}
