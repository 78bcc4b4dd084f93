//! What happens to a call before it is made.

use ::tracing::Span;
use http::{HeaderValue, Request};
use tower_ready_core::{Head, RequestId};
#[cfg(feature = "tracing-opentelemetry")]
use tower_ready_core::{Instant, Protocol};

use super::policy::Policy;
#[cfg(feature = "tracing-opentelemetry")]
use crate::trace::{
    exchange::{Side, Watched},
    otel,
};
use crate::{
    TraceContext,
    trace::{
        current::{Current, Scope, current},
        exchange::Exchange,
        inbound::{BAGGAGE, Inbound},
        mint,
        receive::replace,
    },
};

impl Policy {
    /// Writes into a call who asked, and as part of which trace.
    ///
    /// What stands in its headers already counts most, then the request that is being handled here.
    pub(super) fn send<Q>(&self, request: &mut Request<Q>) -> (Scope, Exchange) {
        if self.condition.as_ref().is_some_and(|holds| !holds(&Head::of(request))) {
            return (Scope::default(), Exchange::NONE);
        }
        let current = current();
        let ids = current.as_ref().map(Current::ids);
        let named = TraceContext::extract(request.headers());
        let parent = named.as_ref().or_else(|| ids.map(|ids| &ids.context));
        let own = parent.map_or_else(
            || {
                let root = TraceContext::root();
                let is_sampled = self.sampler.chooses(root.trace_id());
                root.sampled(is_sampled)
            },
            TraceContext::child,
        );
        let inbound = Inbound::of(request.headers());
        let (named_id, has_baggage) = (inbound.request_id(), inbound.has_baggage);
        let request_id = self.has_request_ids.then(|| {
            let id = named_id.map(RequestId::into_header_value);
            let id = id.or_else(|| ids.and_then(|ids| ids.request_id.clone()));
            id.unwrap_or_else(mint::request_id)
        });
        let (span, own) = self.open(own, request_id.as_ref(), parent);

        let headers = request.headers_mut();
        own.inject(headers);
        if let Some(id) = &request_id {
            replace(headers, RequestId::HEADER, Some(id.clone()));
        }
        // Only what is allowed was kept; what the caller has written itself is its own business.
        let baggage = ids.and_then(|ids| ids.baggage.clone()).filter(|_| !has_baggage);
        if let Some(baggage) = baggage {
            headers.insert(BAGGAGE, baggage);
        }
        #[cfg(feature = "tracing-opentelemetry")]
        let watched = watch(request, span.as_ref(), own, request_id);
        #[cfg(not(feature = "tracing-opentelemetry"))]
        let watched = None;
        (Scope::new(None, span), Exchange { answer_to: None, watched })
    }

    #[cfg(not(feature = "tracing-opentelemetry"))]
    fn open(
        &self,
        own: TraceContext,
        request_id: Option<&HeaderValue>,
        _parent: Option<&TraceContext>,
    ) -> (Option<Span>, TraceContext) {
        (self.spans.client(&own, request_id, true), own)
    }

    #[cfg(feature = "tracing-opentelemetry")]
    fn open(
        &self,
        own: TraceContext,
        request_id: Option<&HeaderValue>,
        parent: Option<&TraceContext>,
    ) -> (Option<Span>, TraceContext) {
        // A span of this trace that is current is nearer than what the headers name.
        let parent = parent.filter(|parent| !otel::is_current(parent));
        let span = self.spans.client(&own, request_id, !own.is_sampled());
        let own = otel::adopt(
            span.as_ref(),
            own,
            &otel::Origin { side: Side::Client, parent, link: None },
        );
        (span, own)
    }
}

/// Follows the call, if it is exported.
#[cfg(feature = "tracing-opentelemetry")]
fn watch<Q>(
    request: &Request<Q>,
    span: Option<&Span>,
    context: TraceContext,
    request_id: Option<HeaderValue>,
) -> Option<Box<Watched>> {
    let exported = otel::Exported::of(span, request.uri(), Side::Client)?;
    Some(Box::new(Watched {
        side: Side::Client,
        current: Current::new(crate::trace::current::Ids { context, request_id, baggage: None }),
        exported: Some(exported),
        log: None,
        method: request.method().clone(),
        target: request.uri().path_and_query().cloned(),
        http_version: request.version(),
        protocol: Protocol::of(request),
        route: None,
        slot: None,
        begun: Instant::now(),
        head: None,
        bytes: 0,
        status: None,
        code: None,
        rejection: None,
    }))
}
