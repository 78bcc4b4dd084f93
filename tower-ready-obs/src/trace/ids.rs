use std::{fmt, sync::Arc};

use http::HeaderValue;

use super::{Current, Sampler};
use crate::TraceContext;

/// What a request is known by. It is small and holds no memory of its own, since it goes in and out
/// of its thread with every poll.
pub(super) struct Ids {
    pub(super) place: Place,
    pub(super) request_id: Option<HeaderValue>,
    /// What may go on. Behind a pointer, since hardly any request has some.
    pub(super) baggage: Option<Arc<HeaderValue>>,
}

/// The place of a request in a trace.
pub(super) enum Place {
    Known(TraceContext),
    /// No trace has begun, since nobody listens. It does, by this rule, when the next hop is told.
    Open(Sampler),
}

impl Ids {
    /// Nothing but a place in a trace.
    pub(super) const fn of(context: TraceContext) -> Self {
        Self { place: Place::Known(context), request_id: None, baggage: None }
    }

    /// The same for those who ask. From now on all of them are told of one trace.
    pub(super) fn tell(&mut self) -> Current {
        let context = self.place.settle();
        Current { context, request_id: self.request_id.clone(), baggage: self.baggage.clone() }
    }
}

impl Place {
    fn settle(&mut self) -> TraceContext {
        match self {
            Self::Known(context) => context.clone(),
            Self::Open(sampler) => {
                let root = sampler.root();
                *self = Self::Known(root.clone());
                root
            }
        }
    }
}

impl From<Current> for Ids {
    fn from(Current { context, request_id, baggage }: Current) -> Self {
        Self { place: Place::Known(context), request_id, baggage }
    }
}

/// Baggage may hold secrets.
impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ids").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}
