//! What happens to a call before it is made.

use ::tracing::Span;
use http::{HeaderValue, Request};
use tower_ready_core::{Head, RequestId};
#[cfg(feature = "tracing-opentelemetry")]
use tower_ready_core::{Instant, Protocol};

use super::policy::Policy;
use crate::{
    TraceContext, TraceState,
    trace::{
        Current, current,
        exchange::Watched,
        inbound::{BAGGAGE, Inbound},
        mint,
        receive::replace,
        scope::Scope,
    },
};
#[cfg(feature = "tracing-opentelemetry")]
use crate::{
    labels::Methods,
    trace::{exchange::Side, otel},
};

impl Policy {
    /// Writes into a call who asked, and as part of which trace.
    ///
    /// What stands in its headers already counts most, then the request that is being handled here.
    #[inline]
    pub(super) fn send<Q>(
        &self,
        request: &mut Request<Q>,
        scope: &mut Scope,
    ) -> Option<Box<Watched>> {
        if self.condition.as_ref().is_some_and(|holds| !holds(&Head::of(request))) {
            return None;
        }
        let inbound = Inbound::of(request.headers());
        let (has_state, has_baggage) = (inbound.has_state, inbound.has_baggage);
        let named_id = inbound.request_id().map(RequestId::into_header_value);
        let named = inbound.context().map(|named| match has_state {
            true => named.with_state(TraceState::of(request.headers())),
            false => named,
        });
        let current = current();
        let (of_task, id_of_task, baggage) = match current {
            Some(Current { context, request_id, baggage }) => (Some(context), request_id, baggage),
            None => (None, None, None),
        };
        let parent = named.or(of_task);
        let own = parent.as_ref().map_or_else(|| self.sampler.root(), TraceContext::child);
        let mut minted = None;
        let request_id = match (self.has_request_ids, named_id.or(id_of_task)) {
            (false, _) => None,
            (true, None) => {
                let both = mint::both(&own);
                minted = Some((own.span_id(), both.traceparent));
                Some(both.request_id)
            }
            (true, known) => known,
        };
        let (span, own) = self.open(own, request_id.as_ref(), parent.as_ref());
        let traceparent = match minted {
            Some((of, traceparent)) if of == own.span_id() => traceparent,
            _ => own.traceparent(),
        };

        let headers = request.headers_mut();
        headers.insert(TraceContext::TRACEPARENT, traceparent);
        if has_state || !own.state().is_empty() {
            replace(headers, TraceContext::TRACESTATE, own.state().header_value());
        }
        if let Some(id) = &request_id {
            headers.insert(RequestId::HEADER, id.clone());
        }
        // Only what is allowed was kept; what the caller has written itself is its own business.
        if let Some(baggage) = baggage.filter(|_| !has_baggage) {
            headers.insert(BAGGAGE, HeaderValue::clone(&baggage));
        }
        #[cfg(feature = "tracing-opentelemetry")]
        let watched = watch(&self.methods, request, span.as_ref(), own, request_id);
        #[cfg(not(feature = "tracing-opentelemetry"))]
        let watched = None;
        *scope = Scope::of_span(span);
        watched
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
    methods: &Methods,
    request: &Request<Q>,
    span: Option<&Span>,
    context: TraceContext,
    request_id: Option<HeaderValue>,
) -> Option<Box<Watched>> {
    let exported = otel::Exported::of(span, request.uri(), Side::Client)?;
    Some(Box::new(Watched {
        side: Side::Client,
        current: Current { context, request_id, baggage: None },
        exported: Some(exported),
        grpc: None,
        log: None,
        is_known: methods.knows(request.method()),
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
        web: crate::grpc_web::WebStatus::of(Protocol::of(request)),
        rejection: None,
    }))
}
