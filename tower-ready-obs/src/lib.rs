//! What happened, told the same way on every host: RED metrics, trace context, spans, request ids and an access log as Tower layers.
//!
//! # Ids, spans and the access log
//!
//! Without them an error report names no request, a trace ends at each hop, and a caller that asks
//! "what happened to mine?" gets a guess. The layers at hand log whole URIs, secrets in the query
//! included, take any id that a stranger sends, lose what a stream says in its trailers, and hear
//! nothing of callers that leave. [`Tracing`] is one layer for all of it, so that a stack pays once:
//!
//! ```
//! # #[cfg(feature = "tracing")] {
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_ready_obs::{Edge, TraceContext, Tracing};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let tracing = Tracing::builder().edge(Edge::Trusted).build().unwrap();
//! let app = tracing.layer().layer(service_fn(|request: Request<()>| async move {
//!     let context = TraceContext::extract(request.headers()).unwrap();
//!     let current = tower_ready_obs::current().unwrap();
//!     assert_eq!(current.context(), &context);
//!     Ok::<_, std::convert::Infallible>(Response::new(String::from("ok")))
//! }));
//!
//! let request = Request::get("/orders/42")
//!     .header("x-request-id", "order-42-again")
//!     .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
//! let answer = app.oneshot(request.body(()).unwrap()).await.unwrap();
//! assert_eq!(answer.headers()["x-request-id"], "order-42-again");
//! # });
//! # }
//! ```
//!
//! 1. Each request has one id, in its header `x-request-id`, where handlers and problems find it, and
//!    in that of its answer. One that a trusted caller sends is kept if it is 1 to 128 of
//!    `[A-Za-z0-9._~-]`; anything else, two of them included, gives way to a UUID of version 7.
//! 2. Each request has a place in a trace, in its header `traceparent`, by W3C Trace Context level 2
//!    to the letter: see [`TraceContext`] and [`TraceState`]. `tracestate` goes on whole.
//! 3. Nobody is believed by default: a trace begins anew, is linked to that of its caller, and is
//!    sampled by our own [rule](TracingBuilder::sample). [`Edge::Trusted`] and
//!    [`trust_if`](TracingBuilder::trust_if) say who is.
//! 4. Each request has a span, in which it is handled, its body is read, and both are dropped. Its
//!    fields `trace_id`, `span_id` and `request_id` stand in every line that is logged there, in the
//!    plain formats of `tracing_subscriber::fmt`. Whether a trace is sampled is known before; those
//!    that are not can do [without](Spans::Sampled).
//! 5. Each request has one line in the log, when its answer is over to the last byte, trailer or
//!    error, when its caller has left, or when it panicked. A [share](AccessLogBuilder::sample) of what
//!    went well may do; what failed or was [slow](AccessLogBuilder::slow) always has one.
//! 6. Neither lines nor spans hold a query, a header or a body, unless a parameter or a header is
//!    [named](AccessLogBuilder::query). What callers choose is bounded and has its special characters
//!    encoded, so that no line can be forged in any format.
//! 7. [`ClientTracing`] tells the next hop: `traceparent`, `tracestate`, `x-request-id`, and of W3C
//!    Baggage what is [allowed](TracingBuilder::baggage). It finds the request on whose behalf a call
//!    is made by itself; what is spawned takes it along with [`Current::run`].
//!
//! Put the layer outside of all others but what counts connections, and outside of `ProblemLayer`,
//! whose problems then name the request and the trace. On a client it lies inside of retries, so that
//! each attempt has a span.
//!
//! | target | level | fields |
//! |---|---|---|
//! | `tower_ready_obs::request` | span, `INFO` | `trace_id`, `span_id`, `request_id` |
//! | `tower_ready_obs::call` | span, `INFO` | the same, of a call of ours |
//! | `tower_ready_obs::unsampled` | span, `INFO` | the same, of what is not sampled: a filter may drop it |
//! | `tower_ready_obs::access` | `INFO`, failures `ERROR` | `request_id`, `trace_id`, `span_id`, `method`, `path`, `route`, `status`, `grpc_status`, `error_type`, `rejected_by`, `rejection`, `http_version`, `ms`, `bytes`, `claimed_request_id`, `query`, `headers` |
//! | `tower_ready_obs::slow` | `WARN` | the first nine, `ms`, `head_ms`, `body_ms`, `threshold_ms` |
//!
//! Under the feature `tracing-opentelemetry` a span is one of OpenTelemetry where the subscriber has a
//! layer of that crate: its ids are taken over, its parent or link is the caller's, and at its end it
//! gets the name, the attributes and the status of the semantic conventions for HTTP and RPC. What is
//! not sampled is never exported, with any sampler that heeds its parent.
//!
//! ```
//! # #[cfg(feature = "tracing-opentelemetry")] {
//! use opentelemetry::trace::TracerProvider;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt};
//!
//! // With a batch exporter of opentelemetry-otlp in life.
//! let provider = SdkTracerProvider::builder().build();
//! let subscriber = tracing_subscriber::registry()
//!     .with(tracing_subscriber::fmt::layer().json())
//!     .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("orders")))
//!     .with(LevelFilter::INFO);
//! # drop(subscriber);
//! # }
//! ```

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
#[cfg(any(
    feature = "auth",
    feature = "breaker",
    feature = "deadline",
    feature = "ratelimit",
    feature = "shed",
    feature = "shutdown"
))]
mod siblings;
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
#[cfg(any(
    feature = "auth",
    feature = "breaker",
    feature = "deadline",
    feature = "ratelimit",
    feature = "shed",
    feature = "shutdown"
))]
pub use self::siblings::Events;
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

#[cfg(all(doctest, feature = "tracing"))]
#[doc = include_str!("../README.md")]
struct Readme;
