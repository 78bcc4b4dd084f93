//! What happened, told the same way on every host: RED metrics, trace context, spans, request ids and an access log as Tower layers.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod context;
mod gauges;
mod labels;
#[cfg(feature = "tracing")]
mod log;
mod metrics;
mod random;
mod recorder;
mod scrape;
mod series;
#[cfg(feature = "tracing")]
mod trace;

#[cfg(feature = "opentelemetry")]
pub use self::context::TraceContextPropagator;
pub use self::context::{InvalidMember, SpanId, TraceContext, TraceState};
#[cfg(feature = "tracing")]
pub use self::log::{AccessLog, AccessLogBuilder};
#[cfg(feature = "prometheus")]
pub use self::recorder::MetricsCollector;
#[cfg(feature = "opentelemetry")]
pub use self::recorder::OpenTelemetry;
#[cfg(feature = "tracing")]
pub use self::trace::{
    ClientTraceLayer, ClientTraceService, ClientTracing, ClientTracingBuilder, Current, Edge, Run,
    Spans, TraceBody, TraceFuture, TraceLayer, TraceService, Tracing, TracingBuilder, TracingError,
    TracingErrorKind, current,
};
pub use self::{
    labels::{
        Attribute, DescriptorError, GrpcMethods, LabelSet, RouteTable, RpcStatusKey, UrlScheme,
    },
    metrics::{
        ConfigError, ConfigErrorKind, Metrics, MetricsBody, MetricsBuilder, MetricsFuture,
        MetricsLayer, MetricsService, Recording, RouteLayer, RouteService, Streams,
    },
    recorder::{Measured, Record, Recorder, SeriesInfo},
    scrape::{Scrape, ScrapeBody, ScrapeError, ScrapeService},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
