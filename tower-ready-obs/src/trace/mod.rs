//! Who asked, as which part of which trace: ids, spans, and what goes on to the next hop.

mod baggage;
mod builder;
mod client;
mod current;
mod edge;
mod error;
mod exchange;
mod future;
mod inbound;
mod layer;
mod mint;
#[cfg(feature = "tracing-opentelemetry")]
mod otel;
mod outcome;
mod receive;
mod sampler;
mod service;
mod span;
mod tracing;

pub use self::{
    builder::TracingBuilder,
    client::{ClientTraceLayer, ClientTraceService, ClientTracing, ClientTracingBuilder},
    current::{Current, Run, current},
    edge::Edge,
    error::{TracingError, TracingErrorKind},
    future::{TraceBody, TraceFuture},
    layer::TraceLayer,
    service::TraceService,
    span::Spans,
    tracing::Tracing,
};
pub(crate) use self::{exchange::Watched, outcome::Outcome, sampler::Sampler};
