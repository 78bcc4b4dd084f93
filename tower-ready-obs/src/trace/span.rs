//! The spans of requests and calls.

use ::tracing::{Span, field};
use http::HeaderValue;

use crate::TraceContext;

/// Which requests have a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spans {
    /// All: each line that is logged for a request shows its ids. Spans of traces that are not sampled
    /// have the target `tower_ready_obs::unsampled`, and are never exported.
    #[default]
    All,
    /// Those of sampled traces. The others cost next to nothing, and what their handlers log does not
    /// say for whom; the line of the access log does.
    Sampled,
    /// None.
    None,
}

/// Opens a span under a name that the subscriber can filter by. The ids are formatted by who shows
/// them; those that are not there are recorded later, or never.
macro_rules! open {
    ($target:literal, $name:literal, $parent:expr, $context:expr, $request_id:expr, $has_ids:expr) => {{
        let context: &TraceContext = $context;
        ::tracing::info_span!(
            target: $target,
            parent: $parent,
            $name,
            trace_id = $has_ids.then(|| field::display(context.trace_id())),
            span_id = $has_ids.then(|| field::display(context.span_id())),
            request_id = $request_id.and_then(|id| id.to_str().ok()).map(field::display),
            otel.kind = field::Empty,
        )
    }};
}

impl Spans {
    const fn wants(self, context: &TraceContext) -> bool {
        match self {
            Self::All => true,
            Self::Sampled => context.is_sampled(),
            Self::None => false,
        }
    }

    /// The span of a request, which has no parent in this process.
    #[inline]
    pub(super) fn server(
        self,
        context: &TraceContext,
        request_id: Option<&HeaderValue>,
        has_ids: bool,
    ) -> Option<Span> {
        let span = match (self.wants(context), context.is_sampled()) {
            (false, _) => return None,
            (true, true) => {
                open!("tower_ready_obs::request", "request", None, context, request_id, has_ids)
            }
            (true, false) => {
                open!("tower_ready_obs::unsampled", "request", None, context, request_id, has_ids)
            }
        };
        (!span.is_disabled()).then_some(span)
    }

    /// The span of a call, within the current one.
    pub(super) fn client(
        self,
        context: &TraceContext,
        request_id: Option<&HeaderValue>,
        has_ids: bool,
    ) -> Option<Span> {
        let current = Span::current();
        let span = match (self.wants(context), context.is_sampled()) {
            (false, _) => return None,
            (true, true) => {
                open!("tower_ready_obs::call", "call", &current, context, request_id, has_ids)
            }
            (true, false) => {
                open!("tower_ready_obs::unsampled", "call", &current, context, request_id, has_ids)
            }
        };
        (!span.is_disabled()).then_some(span)
    }
}
