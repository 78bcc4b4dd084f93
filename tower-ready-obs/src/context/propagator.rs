use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
    trace::{SpanContext, TraceContextExt, TraceFlags},
};

use super::{TraceContext, TraceState};

/// [`TraceContext`] as a propagator of the `opentelemetry` crate, in place of the one of its SDK.
///
/// That one drops the flag of random ids, accepts a `traceparent` whose parts have wrong lengths,
/// takes the first of two, cuts a `tracestate` off after 32 members, and writes an empty one.
///
/// ```
/// opentelemetry::global::set_text_map_propagator(tower_ready_obs::TraceContextPropagator::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TraceContextPropagator {}

static FIELDS: LazyLock<[String; 2]> = LazyLock::new(|| {
    [TraceContext::TRACEPARENT, TraceContext::TRACESTATE].map(|name| name.as_str().to_owned())
});

impl TraceContextPropagator {
    /// The propagator.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl TextMapPropagator for TraceContextPropagator {
    fn inject_context(&self, context: &Context, injector: &mut dyn Injector) {
        let span = context.span();
        let Some(own) = TraceContext::of_opentelemetry(span.span_context()) else { return };
        let text = |value: HeaderValue| value.to_str().map(str::to_owned).ok();
        if let Some(value) = text(own.traceparent()) {
            injector.set(TraceContext::TRACEPARENT.as_str(), value);
        }
        if let Some(value) = own.state.header_value().and_then(text) {
            injector.set(TraceContext::TRACESTATE.as_str(), value);
        }
    }

    fn extract_with_context(&self, context: &Context, extractor: &dyn Extractor) -> Context {
        let mut headers = HeaderMap::new();
        for name in [TraceContext::TRACEPARENT, TraceContext::TRACESTATE] {
            for value in extractor.get_all(name.as_str()).unwrap_or_default() {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.append(name.clone(), value);
                }
            }
        }
        match TraceContext::extract(&headers) {
            Some(remote) => context.with_remote_span_context(remote.to_opentelemetry()),
            None => context.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&*FIELDS)
    }
}

impl TraceContext {
    /// The same for the `opentelemetry` crate, as of a span elsewhere.
    #[must_use]
    pub fn to_opentelemetry(&self) -> SpanContext {
        let trace_id = self.trace_id.as_u128().to_be_bytes();
        let span_id = self.span_id.as_u64().to_be_bytes();
        SpanContext::new(
            opentelemetry::TraceId::from_bytes(trace_id),
            opentelemetry::SpanId::from_bytes(span_id),
            TraceFlags::new(self.flags),
            true,
            self.state.to_opentelemetry(),
        )
    }

    /// What the `opentelemetry` crate knows of a span, if it is one.
    #[must_use]
    pub fn of_opentelemetry(context: &SpanContext) -> Option<Self> {
        if !context.is_valid() {
            return None;
        }
        let trace_id = u128::from_be_bytes(context.trace_id().to_bytes()).into();
        let span_id = super::SpanId::from_u64(u64::from_be_bytes(context.span_id().to_bytes()))?;
        let flags = context.trace_flags().to_u8() & (super::SAMPLED | super::RANDOM);
        let mut headers = HeaderMap::new();
        if let Ok(state) = HeaderValue::try_from(context.trace_state().header()) {
            headers.insert(Self::TRACESTATE, state);
        }
        Some(Self { trace_id, span_id, flags, state: TraceState::of(&headers) })
    }
}

impl TraceState {
    /// Its type has the stricter keys of level 1, and what it cannot hold is left out.
    fn to_opentelemetry(&self) -> opentelemetry::trace::TraceState {
        type Theirs = opentelemetry::trace::TraceState;
        let fits = |member: &(&str, &str)| Theirs::from_key_value([*member]).is_ok();
        Theirs::from_key_value(self.iter().filter(fits)).unwrap_or_default()
    }
}
