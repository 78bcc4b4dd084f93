//! What happens to a request before the inner service is called.

use ::tracing::Span;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower_ready_core::{Head, Instant, RequestId, Route, RouteSlot};

#[cfg(feature = "tracing-opentelemetry")]
use super::otel;
use super::{
    current::{Current, Ids, Scope},
    exchange::{Exchange, Logged, Side, Watched},
    inbound::{BAGGAGE, Inbound},
    mint,
    tracing::Policy,
};
use crate::{TraceContext, TraceState, log::Noted};

impl Policy {
    /// Gives a request its ids, in its headers, and its span.
    #[inline]
    pub(super) fn receive<Q>(&self, request: &mut Request<Q>) -> (Scope, Exchange) {
        let head = Head::of(request);
        let inbound = Inbound::of(head.headers());
        let is_trusted = self.trust.believes(&head);
        let claimed = inbound.request_id();
        let caller = inbound.context();

        let (parent, link) = match is_trusted {
            true => (caller, None),
            false => (None, caller),
        };
        let own = match &parent {
            Some(parent) if inbound.has_state => {
                parent.child().with_state(TraceState::of(head.headers()))
            }
            Some(parent) => parent.child(),
            None => {
                let root = TraceContext::root();
                let is_sampled = self.sampler.chooses(root.trace_id());
                root.sampled(is_sampled)
            }
        };
        let kept = claimed.as_ref().filter(|_| is_trusted && self.has_request_ids);
        let (has_state, has_baggage) = (inbound.has_state, inbound.has_baggage);
        let baggage = has_baggage.then(|| self.baggage.of(head.headers())).flatten();

        // The id is made before the span, which shows it, and the header after it, since
        // OpenTelemetry makes ids of spans itself.
        let mut minted = None;
        let request_id = match kept {
            Some(id) => Some(id.as_header_value().clone()),
            None if self.has_request_ids => {
                let both = mint::both(&own);
                minted = Some((own.span_id(), both.traceparent));
                Some(both.request_id)
            }
            None => None,
        };
        let (span, own) = self.open(own, request_id.as_ref(), parent.as_ref(), link.as_ref());
        let traceparent = match minted {
            Some((of, traceparent)) if of == own.span_id() => traceparent,
            _ => own.traceparent(),
        };

        let has_own_id = request_id.is_some() && kept.is_none();
        let current = Current::new(Ids { context: own, request_id, baggage });
        let claimed = claimed.filter(|_| has_own_id);
        let watched = self.watch(request, &current, span.as_ref(), claimed);

        let ids = current.ids();
        let headers = request.headers_mut();
        headers.insert(TraceContext::TRACEPARENT, traceparent);
        if has_own_id && let Some(id) = &ids.request_id {
            headers.insert(RequestId::HEADER, id.clone());
        }
        if has_state {
            replace(headers, TraceContext::TRACESTATE, ids.context.state().header_value());
        }
        if has_baggage && !is_trusted {
            replace(headers, BAGGAGE, ids.baggage.clone());
        }
        let exchange = Exchange { answer_to: Some(current.clone()), watched };
        (Scope::new(Some(current), span), exchange)
    }

    #[cfg(not(feature = "tracing-opentelemetry"))]
    #[inline]
    fn open(
        &self,
        own: TraceContext,
        request_id: Option<&HeaderValue>,
        _parent: Option<&TraceContext>,
        _link: Option<&TraceContext>,
    ) -> (Option<Span>, TraceContext) {
        (self.spans.server(&own, request_id, true), own)
    }

    #[cfg(feature = "tracing-opentelemetry")]
    #[inline]
    fn open(
        &self,
        own: TraceContext,
        request_id: Option<&HeaderValue>,
        parent: Option<&TraceContext>,
        link: Option<&TraceContext>,
    ) -> (Option<Span>, TraceContext) {
        let span = self.spans.server(&own, request_id, !own.is_sampled());
        let own =
            otel::adopt(span.as_ref(), own, &otel::Origin { side: Side::Server, parent, link });
        (span, own)
    }

    /// Follows the exchange, if somebody listens.
    #[inline]
    fn watch<Q>(
        &self,
        request: &mut Request<Q>,
        current: &Current,
        span: Option<&Span>,
        claimed: Option<RequestId>,
    ) -> Option<Box<Watched>> {
        let log = self.log.as_ref().filter(|log| log.is_heard());
        #[cfg(feature = "tracing-opentelemetry")]
        let exported = otel::Exported::of(span, request.uri(), Side::Server);
        #[cfg(feature = "tracing-opentelemetry")]
        let is_exported = exported.is_some();
        #[cfg(not(feature = "tracing-opentelemetry"))]
        let (is_exported, _) = (false, span);
        if log.is_none() && !is_exported {
            return None;
        }
        let head = Head::of(request);
        let log = log.map(|log| Logged {
            log: log.clone(),
            noted: Noted { headers: log.headers_of(&head), claimed },
        });
        let (route, protocol) = (self.route_of(&head), head.protocol());
        let slot = route.is_none().then(|| {
            // A router further in may know.
            request.extensions_mut().get_or_insert_default::<RouteSlot>().clone()
        });
        Some(Box::new(Watched {
            side: Side::Server,
            current: current.clone(),
            #[cfg(feature = "tracing-opentelemetry")]
            exported,
            log,
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
            http_version: request.version(),
            protocol,
            route,
            slot,
            begun: Instant::now(),
            head: None,
            bytes: 0,
            status: None,
            code: None,
            rejection: None,
        }))
    }

    fn route_of(&self, head: &Head<'_>) -> Option<Route> {
        let chosen = self.route.as_ref().and_then(|choose| choose(head));
        let known = chosen.or_else(|| head.route());
        #[cfg(feature = "axum")]
        let known = known.or_else(|| {
            let path = head.extensions().get::<axum::extract::MatchedPath>()?;
            Some(Route::from(path.as_str()))
        });
        known
    }
}

/// Puts a header in place of all that have its name.
pub(super) fn replace(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => headers.insert(name, value),
        None => headers.remove(name),
    };
}
