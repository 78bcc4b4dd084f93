//! What happened, told the same way on every host: RED metrics, trace context, spans, request ids and an access log as Tower layers.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod context;
mod random;

#[cfg(feature = "opentelemetry")]
pub use self::context::TraceContextPropagator;
pub use self::context::{InvalidMember, SpanId, TraceContext, TraceState};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
