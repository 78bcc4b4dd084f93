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

/// Opens a span under a name that the subscriber can filter by. The ids come first in each line.
macro_rules! open {
    ($target:literal, $name:literal, $parent:expr, $ids:expr) => {{
        let Ids { trace_id, span_id, request_id } = $ids;
        ::tracing::info_span!(
            target: $target,
            parent: $parent,
            $name,
            trace_id,
            span_id,
            request_id,
            otel.kind = field::Empty,
        )
    }};
}

/// The fields of a span; those that are not there are recorded later, or never.
struct Ids<'a> {
    trace_id: Option<field::DisplayValue<&'a str>>,
    span_id: Option<field::DisplayValue<&'a str>>,
    request_id: Option<field::DisplayValue<&'a str>>,
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
    pub(super) fn server(
        self,
        context: &TraceContext,
        request_id: Option<&HeaderValue>,
        has_ids: bool,
    ) -> Span {
        if !self.wants(context) {
            return Span::none();
        }
        with_ids(context, request_id, has_ids, |ids| {
            if context.is_sampled() {
                open!("tower_ready_obs::request", "request", None, ids)
            } else {
                open!("tower_ready_obs::unsampled", "request", None, ids)
            }
        })
    }

    /// The span of a call, within the current one.
    pub(super) fn client(
        self,
        context: &TraceContext,
        request_id: Option<&HeaderValue>,
        has_ids: bool,
    ) -> Span {
        if !self.wants(context) {
            return Span::none();
        }
        with_ids(context, request_id, has_ids, |ids| {
            if context.is_sampled() {
                open!("tower_ready_obs::call", "call", &Span::current(), ids)
            } else {
                open!("tower_ready_obs::unsampled", "call", &Span::current(), ids)
            }
        })
    }
}

fn with_ids(
    context: &TraceContext,
    request_id: Option<&HeaderValue>,
    has_ids: bool,
    open: impl FnOnce(Ids<'_>) -> Span,
) -> Span {
    let (mut trace, mut span) = ([0; 32], [0; 16]);
    let (trace, span) =
        (context.trace_id().encode(&mut trace), context.span_id().encode(&mut span));
    open(Ids {
        trace_id: has_ids.then(|| field::display(trace)),
        span_id: has_ids.then(|| field::display(span)),
        request_id: request_id.and_then(|id| id.to_str().ok()).map(field::display),
    })
}
