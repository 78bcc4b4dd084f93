//! W3C Trace Context, level 2: read strictly, written exactly.

mod member;
#[cfg(feature = "opentelemetry")]
mod propagator;
mod span_id;
mod state;

#[cfg(feature = "opentelemetry")]
pub use self::propagator::TraceContextPropagator;
pub use self::{
    span_id::SpanId,
    state::{InvalidMember, TraceState},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tower_ready_core::TraceId;

use crate::random;

/// The place of a piece of work in a trace: what the headers `traceparent` and `tracestate` say.
///
/// Section numbers are those of [W3C Trace Context level 2].
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use tower_ready_obs::TraceContext;
///
/// let mut headers = HeaderMap::new();
/// let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// headers.insert("traceparent", HeaderValue::from_static(value));
///
/// let caller = TraceContext::extract(&headers).unwrap();
/// let own = caller.child();
/// own.inject(&mut headers);
/// assert_eq!(TraceContext::extract(&headers).unwrap(), own);
/// assert_eq!(own.trace_id(), caller.trace_id());
/// assert_ne!(own.span_id(), caller.span_id());
/// ```
///
/// [W3C Trace Context level 2]: https://www.w3.org/TR/trace-context-2/
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
    state: TraceState,
}

/// §3.2.2.5.1: the caller may have recorded this trace.
const SAMPLED: u8 = 1;

/// §3.2.2.5.2: at least the seven right-most bytes of the trace id are random.
const RANDOM: u8 = 2;

/// The length of a `traceparent` of version 00 (§3.2.2).
pub(crate) const TRACEPARENT_LEN: usize = 55;

impl TraceContext {
    /// The header that names the trace, the span and the flags.
    pub const TRACEPARENT: HeaderName = TraceId::HEADER;

    /// The header that carries what tracing systems add.
    pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

    /// A new trace, with a random id and no state.
    #[must_use]
    pub fn root() -> Self {
        let id = u128::from(random::non_zero().get()) << 64 | u128::from(random::random());
        Self {
            trace_id: TraceId::from(id),
            span_id: SpanId::generate(),
            flags: RANDOM,
            state: TraceState::default(),
        }
    }

    /// This span of this trace, whose id is not known to be random.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { trace_id, span_id, flags: 0, state: TraceState::empty() }
    }

    /// Another span of the same trace, with the same flags and state.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId::generate(), ..self.clone() }
    }

    /// The same with another span.
    #[must_use]
    pub const fn with_span(mut self, span_id: SpanId) -> Self {
        self.span_id = span_id;
        self
    }

    /// The same, sampled or not.
    #[must_use]
    pub const fn sampled(mut self, sampled: bool) -> Self {
        self.flags = if sampled { self.flags | SAMPLED } else { self.flags & !SAMPLED };
        self
    }

    /// The same with another state.
    #[must_use]
    pub fn with_state(self, state: TraceState) -> Self {
        Self { state, ..self }
    }

    /// What these headers say, if it is valid.
    ///
    /// `tracestate` is read only where `traceparent` is valid (§4.3); when it is not valid itself, the
    /// trace goes on without it (§3.3.1.3).
    #[must_use]
    pub fn extract(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(Self::TRACEPARENT).iter();
        let value = values.next()?;
        // §3.2: there is one such header; of two nobody knows which is meant.
        if values.next().is_some() {
            return None;
        }
        Some(Self::from_traceparent(value)?.with_state(TraceState::of(headers)))
    }

    /// What this value of `traceparent` says, if it is valid (§3.2.2).
    #[must_use]
    pub fn from_traceparent(value: &HeaderValue) -> Option<Self> {
        // Core knows the rules, and has seen that all that follows is digits.
        let trace_id = TraceId::from_value(value)?;
        let text = value.as_bytes().first_chunk::<TRACEPARENT_LEN>()?;
        let span_id = number(text[36..52].try_into().ok()?);
        // §3.2.2.5.3: flags that have no meaning yet are set to zero.
        let flags = digit(text[54]) & (SAMPLED | RANDOM);
        let state = TraceState::default();
        Some(Self { trace_id, span_id: SpanId::from_u64(span_id)?, flags, state })
    }

    /// Puts both headers in place of what was there.
    pub fn inject(&self, headers: &mut HeaderMap) {
        headers.insert(Self::TRACEPARENT, self.traceparent());
        match self.state.header_value() {
            Some(state) => headers.insert(Self::TRACESTATE, state),
            // §3.3: an empty header may be sent but should not.
            None => headers.remove(Self::TRACESTATE),
        };
    }

    /// The value of `traceparent`, in version 00 whatever version it was read from (§4.2).
    #[must_use]
    pub fn traceparent(&self) -> HeaderValue {
        let mut text = [0; TRACEPARENT_LEN];
        self.write_traceparent(&mut text);
        HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text))
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Writes the value of `traceparent`.
    pub(crate) fn write_traceparent(&self, text: &mut [u8; TRACEPARENT_LEN]) {
        const FLAGS: [&[u8; 2]; 4] = [b"00", b"01", b"02", b"03"];
        *text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&self.trace_id.to_digits());
        text[36..52].copy_from_slice(&self.span_id.to_digits());
        text[53..].copy_from_slice(FLAGS[usize::from(self.flags & (SAMPLED | RANDOM))]);
    }

    /// The trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Whether the one who wrote it recorded it.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Whether the seven right-most bytes of the trace id are known to be random.
    #[must_use]
    pub const fn is_random(&self) -> bool {
        self.flags & RANDOM != 0
    }

    /// What tracing systems added.
    #[must_use]
    pub const fn state(&self) -> &TraceState {
        &self.state
    }
}

/// The number that these digits are; they are known to be hexadecimal, in lower case.
fn number(digits: &[u8; 16]) -> u64 {
    let (eights, _) = digits.as_chunks();
    eights.iter().fold(0, |number, eight| number << 32 | u64::from(half(*eight)))
}

/// The number that eight digits are, all of them at once.
const fn half(digits: [u8; 8]) -> u32 {
    const ONES: u64 = u64::MAX / 0xff;
    let text = u64::from_be_bytes(digits);
    let values = (text & (ONES * 0xf)) + ((text >> 6) & ONES) * 9;
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (fours | fours >> 16) as u32
}

const fn digit(digit: u8) -> u8 {
    (digit & 0xf) + (digit >> 6) * 9
}
