//! What happens to a request before the inner service is called.

use std::sync::Arc;

use ::tracing::{Span, level_filters::LevelFilter};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower_ready_core::{Head, Instant, RequestId, Route, RouteSlot};

#[cfg(feature = "tracing-opentelemetry")]
use super::otel;
use super::{
    exchange::{Logged, Side, Watched},
    ids::{Ids, Place},
    inbound::{BAGGAGE, Inbound},
    mint,
    scope::Scope,
    tracing::Policy,
};
use crate::{TraceContext, TraceState, grpc_web::WebStatus, log::Noted};

/// What of a request counts here.
struct Told {
    /// The trace of a caller that is believed.
    parent: Option<TraceContext>,
    /// That of one that is not.
    link: Option<TraceContext>,
    /// The id that is taken over.
    kept: Option<HeaderValue>,
    /// One that is not, for the log.
    claimed: Option<RequestId>,
    baggage: Option<Arc<HeaderValue>>,
    /// Whether the rest of the baggage is kept from those inside.
    hides_baggage: bool,
    has_parent: bool,
    has_state: bool,
}

impl Policy {
    /// Gives a request its ids, in its headers, and its span.
    #[inline]
    pub(super) fn receive<Q>(
        &self,
        request: &mut Request<Q>,
        scope: &mut Scope,
    ) -> Option<Box<Watched>> {
        // Whether there is a subscriber in the whole process: one load.
        let is_heard = LevelFilter::current() != LevelFilter::OFF;
        let inbound = Inbound::of(request.headers());
        if !is_heard && inbound.is_empty() {
            self.begin(request, scope);
            return None;
        }
        let told = self.hear(&Head::of(request), &inbound, is_heard);
        if told.hides_baggage {
            let baggage = told.baggage.as_deref().cloned();
            replace(request.headers_mut(), BAGGAGE, baggage);
        }
        if is_heard {
            return self.follow(request, told, scope);
        }
        self.pass_on(request, told, scope);
        None
    }

    /// Where nobody listens and nothing was said: the way of most requests then.
    #[inline]
    fn begin<Q>(&self, request: &mut Request<Q>, scope: &mut Scope) {
        if !self.has_request_ids {
            scope.leave_open(self.sampler);
            return;
        }
        let id = mint::request_id();
        request.headers_mut().insert(RequestId::HEADER, id.clone());
        let place = Place::Open(self.sampler);
        scope.set(Ids { place, request_id: Some(id), baggage: None }, None);
    }

    fn hear(&self, head: &Head<'_>, inbound: &Inbound<'_>, is_heard: bool) -> Told {
        let is_trusted = self.trust.believes(head);
        // What is not believed is for the log and the span alone.
        let matters = is_trusted || is_heard;
        let caller = if matters { inbound.context() } else { None };
        let claimed = if matters && self.has_request_ids { inbound.request_id() } else { None };
        let (caller, link) = if is_trusted { (caller, None) } else { (None, caller) };
        let (kept, claimed) = if is_trusted { (claimed, None) } else { (None, claimed) };
        let parent = caller.map(|caller| match inbound.has_state {
            true => caller.with_state(TraceState::of(head.headers())),
            false => caller,
        });
        let has_baggage = inbound.has_baggage;
        let baggage = has_baggage.then(|| self.baggage.of(head.headers())).flatten();
        Told {
            parent,
            link,
            kept: kept.map(RequestId::into_header_value),
            claimed,
            baggage: baggage.map(Arc::new),
            hides_baggage: has_baggage && !is_trusted,
            has_parent: inbound.has_parent(),
            has_state: inbound.has_state,
        }
    }

    /// Where nobody listens, no span is made, and none is named: what a caller has said goes on as it
    /// is, if it counts, and no trace begins that nobody could look up.
    fn pass_on<Q>(&self, request: &mut Request<Q>, told: Told, scope: &mut Scope) {
        let headers = request.headers_mut();
        let mut request_id = told.kept;
        if request_id.is_none() && self.has_request_ids {
            let id = mint::request_id();
            headers.insert(RequestId::HEADER, id.clone());
            request_id = Some(id);
        }
        let place = match told.parent {
            Some(parent) => Place::Known(parent),
            None => {
                if told.has_parent {
                    headers.remove(TraceContext::TRACEPARENT);
                }
                if told.has_state {
                    headers.remove(TraceContext::TRACESTATE);
                }
                Place::Open(self.sampler)
            }
        };
        scope.set(Ids { place, request_id, baggage: told.baggage }, None);
    }

    #[inline]
    fn follow<Q>(
        &self,
        request: &mut Request<Q>,
        told: Told,
        scope: &mut Scope,
    ) -> Option<Box<Watched>> {
        let Told { parent, link, kept, claimed, baggage, has_state, .. } = told;
        let is_kept = kept.is_some();
        let own = parent.as_ref().map_or_else(|| self.sampler.root(), TraceContext::child);
        // The id is made before the span, which shows it, and the header after it, since
        // OpenTelemetry makes ids of spans itself.
        let mut minted = None;
        let request_id = match kept {
            None if self.has_request_ids => {
                let both = mint::both(&own);
                minted = Some((own.span_id(), both.traceparent));
                Some(both.request_id)
            }
            kept => kept,
        };
        let (span, own) = self.open(own, request_id.as_ref(), parent.as_ref(), link.as_ref());
        let traceparent = match minted {
            Some((of, traceparent)) if of == own.span_id() => traceparent,
            _ => own.traceparent(),
        };

        let headers = request.headers_mut();
        headers.insert(TraceContext::TRACEPARENT, traceparent);
        if !is_kept && let Some(id) = &request_id {
            headers.insert(RequestId::HEADER, id.clone());
        }
        if has_state {
            replace(headers, TraceContext::TRACESTATE, own.state().header_value());
        }
        let mut ids = Ids { place: Place::Known(own), request_id, baggage };
        let watched = self.watch(request, &mut ids, span.as_ref(), claimed);
        scope.set(ids, span);
        watched
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
        ids: &mut Ids,
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
            current: ids.tell(),
            #[cfg(feature = "tracing-opentelemetry")]
            exported,
            #[cfg(feature = "tracing-opentelemetry")]
            grpc: self.grpc.as_ref().map(|names| names.find(request.uri().path())),
            log,
            is_known: self.methods.knows(request.method()),
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
            web: WebStatus::of(protocol),
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
