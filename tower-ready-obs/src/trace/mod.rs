//! Who asked, as which part of which trace: ids, spans, and what goes on to the next hop.

mod baggage;
mod body;
mod builder;
mod client;
mod current;
mod edge;
mod exchange;
mod future;
mod ids;
mod inbound;
mod layer;
mod mint;
#[cfg(feature = "tracing-opentelemetry")]
mod otel;
mod outcome;
mod receive;
mod sampler;
mod scope;
mod service;
mod span;
mod tracing;

pub use self::{
    body::TraceBody,
    builder::TracingBuilder,
    client::{ClientTraceLayer, ClientTraceService, ClientTracing, ClientTracingBuilder},
    current::{Current, Run},
    edge::Edge,
    future::TraceFuture,
    layer::TraceLayer,
    scope::current,
    service::TraceService,
    span::Spans,
    tracing::Tracing,
};
pub(crate) use self::{exchange::Watched, outcome::Outcome, sampler::Sampler};
