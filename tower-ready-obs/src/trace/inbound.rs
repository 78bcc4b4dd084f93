use http::{HeaderMap, HeaderName, HeaderValue};
use tower_ready_core::RequestId;

use crate::TraceContext;

pub(super) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// What a request says of ids and traces, in one pass over its headers: four look-ups would hash four
/// names.
#[derive(Default)]
pub(super) struct Inbound<'a> {
    request_id: Occurs<'a>,
    traceparent: Occurs<'a>,
    pub(super) has_state: bool,
    pub(super) has_baggage: bool,
}

/// The value of a header that is there once.
#[derive(Default)]
enum Occurs<'a> {
    #[default]
    Never,
    Once(&'a HeaderValue),
    More,
}

impl<'a> Inbound<'a> {
    #[inline]
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut inbound = Self::default();
        for (name, value) in headers {
            if *name == RequestId::HEADER {
                inbound.request_id.add(value);
            } else if *name == TraceContext::TRACEPARENT {
                inbound.traceparent.add(value);
            } else if *name == TraceContext::TRACESTATE {
                inbound.has_state = true;
            } else if *name == BAGGAGE {
                inbound.has_baggage = true;
            }
        }
        inbound
    }

    /// Whether there is none of these.
    pub(super) const fn is_empty(&self) -> bool {
        let is_told = self.has_parent() || self.has_state || self.has_baggage;
        !is_told && matches!(self.request_id, Occurs::Never)
    }

    /// Whether there is any header that names a trace.
    pub(super) const fn has_parent(&self) -> bool {
        !matches!(self.traceparent, Occurs::Never)
    }

    /// The request id, if there is one and it is well-formed.
    pub(super) fn request_id(&self) -> Option<RequestId> {
        self.request_id.get().and_then(RequestId::from_value)
    }

    /// The context of the caller, without its state.
    pub(super) fn context(&self) -> Option<TraceContext> {
        self.traceparent.get().and_then(TraceContext::from_traceparent)
    }
}

impl<'a> Occurs<'a> {
    const fn add(&mut self, value: &'a HeaderValue) {
        *self = match self {
            Self::Never => Self::Once(value),
            Self::Once(_) | Self::More => Self::More,
        };
    }

    const fn get(&self) -> Option<&'a HeaderValue> {
        match self {
            Self::Once(value) => Some(value),
            Self::Never | Self::More => None,
        }
    }
}
