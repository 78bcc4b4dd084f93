//! The spans as those of OpenTelemetry.

use ::tracing::Span;
use http::Uri;
use opentelemetry::{
    Context, KeyValue,
    trace::{Status, TraceContextExt},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{
    Outcome,
    exchange::{Side, Watched},
};
use crate::{TraceContext, log::text::bounded_path};

/// Where a span comes from.
pub(super) struct Origin<'a> {
    pub(super) side: Side,
    pub(super) parent: Option<&'a TraceContext>,
    pub(super) link: Option<&'a TraceContext>,
}

/// Makes the span one of OpenTelemetry, which makes ids of its own, and takes those over. Without a
/// layer of tracing-opentelemetry it leaves all as it is.
pub(super) fn adopt(span: Option<&Span>, own: TraceContext, origin: &Origin<'_>) -> TraceContext {
    let Some(span) = span else { return own };
    if !own.is_sampled() {
        // A parent that is not sampled keeps this span and all below it from being exported.
        let _ = span.set_parent(remote(&own));
        return own;
    }
    if let Some(parent) = origin.parent {
        let _ = span.set_parent(remote(parent));
    }
    if let Some(link) = origin.link {
        span.add_link(link.to_opentelemetry());
    }
    span.record("otel.kind", origin.side.kind());
    let theirs = span.context();
    let Some(theirs) = TraceContext::of_opentelemetry(theirs.span().span_context()) else {
        return record(span, own);
    };
    let adopted = if theirs.trace_id() == own.trace_id() {
        // Ours has the whole state and the flag of random ids.
        own.with_span(theirs.span_id()).sampled(theirs.is_sampled())
    } else {
        theirs
    };
    record(span, adopted)
}

/// Whether the current span is one of the same trace.
pub(super) fn is_current(context: &TraceContext) -> bool {
    let current = Span::current().context();
    let current = TraceContext::of_opentelemetry(current.span().span_context());
    current.is_some_and(|current| current.trace_id() == context.trace_id())
}

fn record(span: &Span, context: TraceContext) -> TraceContext {
    span.record("trace_id", ::tracing::field::display(context.trace_id()));
    span.record("span_id", ::tracing::field::display(context.span_id()));
    context
}

fn remote(context: &TraceContext) -> Context {
    Context::new().with_remote_span_context(context.to_opentelemetry())
}

/// A span that is exported, and what only its attributes need.
pub(crate) struct Exported {
    span: Span,
    scheme: &'static str,
    peer: Option<Peer>,
}

/// The server that is called.
struct Peer {
    address: String,
    port: u16,
}

impl Exported {
    /// Of a span, if it is there.
    pub(super) fn of(span: Option<&Span>, uri: &Uri, side: Side) -> Option<Self> {
        let span = span?;
        let (scheme, port) = match uri.scheme_str() {
            Some("https") => ("https", 443),
            _ => ("http", 80),
        };
        let peer = uri
            .host()
            .filter(|_| side == Side::Client)
            .map(|host| Peer { address: host.to_owned(), port: uri.port_u16().unwrap_or(port) });
        Some(Self { span: span.clone(), scheme, peer })
    }

    /// Says what became of it, in the words of the semantic conventions.
    pub(super) fn finish(&self, watched: &Watched, outcome: &Outcome) {
        let context = self.span.context();
        let span = context.span();
        if !span.is_recording() {
            return;
        }
        span.update_name(watched.name(outcome));
        span.set_attributes(self.attributes(watched, outcome));
        if outcome.is_failure {
            // The reason is in the attributes, where it is from a closed set.
            span.set_status(Status::error(""));
        }
    }

    fn attributes(&self, watched: &Watched, outcome: &Outcome) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(12);
        let mut add = |key: &'static str, value: opentelemetry::Value| {
            attributes.push(KeyValue::new(key, value));
        };
        if watched.protocol.is_grpc() {
            add("rpc.system.name", "grpc".into());
            let method = watched.rpc_method(outcome);
            if method.is_none() {
                let original = watched.path().strip_prefix('/').unwrap_or_default();
                add("rpc.method_original", bounded_path(original).into_owned().into());
            }
            add("rpc.method", method.unwrap_or_else(|| "_OTHER".to_owned()).into());
            if let Some(code) = outcome.code {
                add("rpc.response.status_code", code.name().into());
            }
        } else {
            let method = watched.known_method();
            add("http.request.method", method.unwrap_or("_OTHER").to_owned().into());
            if method.is_none() {
                let original = bounded_path(watched.method.as_str()).into_owned();
                add("http.request.method_original", original.into());
            }
            if let Some(status) = watched.status {
                add("http.response.status_code", i64::from(status.as_u16()).into());
            }
            if let Some(route) = watched.route() {
                add("http.route", route.as_str().to_owned().into());
            }
        }
        if let Some(version) = watched.version() {
            add("network.protocol.version", version.into());
        }
        if let Some(error_type) = &outcome.error_type {
            add("error.type", error_type.clone().into());
        }
        if let Some(rejection) = watched.rejection {
            add("tower_ready.layer", rejection.by().into());
            add("tower_ready.rejection", rejection.kind().into());
        }
        match &self.peer {
            Some(peer) => {
                add("server.address", peer.address.clone().into());
                add("server.port", i64::from(peer.port).into());
                if !watched.protocol.is_grpc() {
                    let path = bounded_path(watched.path());
                    let (scheme, Peer { address, port }) = (self.scheme, peer);
                    add("url.full", format!("{scheme}://{address}:{port}{path}").into());
                }
            }
            None => {
                add("url.scheme", self.scheme.into());
                add("url.path", bounded_path(watched.path()).into_owned().into());
            }
        }
        attributes
    }
}
