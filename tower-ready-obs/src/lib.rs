//! What happened, told the same way on every host: RED metrics, trace context, spans, request ids and an access log as Tower layers.
//!
//! # Metrics
//!
//! Without them nobody knows how many requests fail, or how long they take, before somebody complains.
//! The layers at hand stop their clocks at the head of an answer, count neither callers that left nor
//! panics, take gRPC's trailers for a success, and make labels of whatever a scanner sends, until the
//! process or Prometheus runs out of memory. [`Metrics`] is one handle for what layers count and for
//! where that is read:
//!
//! ```
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_ready_obs::{Metrics, RouteTable};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let metrics = Metrics::builder().routes(RouteTable::new(["/orders/{id}"])).build().unwrap();
//! let app = metrics.layer().layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//! }));
//!
//! app.oneshot(Request::get("/orders/42").body(()).unwrap()).await.unwrap();
//! let counted = r#"http_server_request_duration_seconds_count{http_route="/orders/{id}"}"#;
//! metrics.scrape().assert(counted, 1.0);
//! # });
//! ```
//!
//! On axum `metrics.layer()` goes into `Router::layer`, with the feature `axum` for the routes, and
//! `metrics.scrape_service()` is served by `Router::route_service("/metrics", …)`; tonic and hyper take
//! the same layer.
//!
//! 1. Each request is counted exactly once, when its answer is over to the last byte, trailer or error,
//!    when its caller has left, or when it panicked, on a server and with
//!    [`client_layer`](Metrics::client_layer) on a client.
//! 2. Names and labels are those of OpenTelemetry's conventions. There is no counter of requests: it is
//!    the `_count` of the durations.
//! 3. A call of gRPC or gRPC-Web is counted under `rpc_…` alone. Its status is that of its trailers or
//!    of its head, or what clients of gRPC make of a status of HTTP; the trailers of gRPC-Web are at the
//!    end of the body, and found there. Connect counts as the HTTP that it is.
//! 4. `error_type` comes from a closed set: the status or code where it is an error of this side, and
//!    else how it ended, `cancelled`, `panic`, `body`, `timeout`, kinds of I/O errors, or `_OTHER`. The
//!    text of an error is never part of a label. Lines and spans say the same.
//! 5. A route is a template or nothing. It comes from [`route_by`](MetricsBuilder::route_by), from a
//!    [`Route`](tower_ready_core::Route) in the extensions, from axum, or from a [`RouteTable`]. A layer
//!    that sits outside of the router learns it from a [`Metrics::route_layer`] inside. Methods of gRPC
//!    are told by name if they are [declared](GrpcMethods), methods of HTTP if they are
//!    [known](MetricsBuilder::known_methods).
//! 6. There is room for [so many](MetricsBuilder::max_series) series and no more. What finds none is
//!    counted together, and a counter and one warning tell of it.
//! 7. Durations of streams are kept [apart](Streams), so that a percentile of the others means
//!    something.
//! 8. Buckets show the trace of a sampled request, as an exemplar, by its `traceparent`: put the layer
//!    inside of the one of [`Tracing`].
//! 9. Answers that our other crates made and problems are counted by what they are, with no wiring.
//!
//! | metric | labels |
//! |---|---|
//! | `http_server_request_duration_seconds` | `http_request_method`, `url_scheme`, `http_route`, `http_response_status_code`, `error_type`, `network_protocol_version` |
//! | `http_client_request_duration_seconds` | the same without the route, `server_address`, `server_port` |
//! | `rpc_server_call_duration_seconds`, `rpc_client_call_duration_seconds` | `rpc_system_name`, `rpc_method`, `rpc_response_status_code`, `error_type`; of a client the server too |
//! | `http_server_active_requests`, `http_client_active_requests`, calls of gRPC included | `http_request_method`, `url_scheme` |
//! | `tower_ready_http_time_to_headers_seconds`, `tower_ready_rpc_…`, `tower_ready_http_client_…`, `tower_ready_rpc_client_…` | those of the durations |
//! | `tower_ready_http_stream_duration_seconds`, and so on | those of the durations |
//! | `http_server_request_body_size_bytes`, `http_server_response_body_size_bytes`, and so on, [if asked for](MetricsBuilder::body_sizes) | those of the durations |
//! | `tower_ready_rejections_total` | `layer`, `kind`, `http_route` or `rpc_method` |
//! | `tower_ready_problems_total` | `problem_type`, `http_route` or `rpc_method` |
//! | `tower_ready_panics_total` | `http_route` or `rpc_method` |
//! | `tower_ready_series_dropped_total` | – |
//! | `tower_ready_upgraded_connections`, as far as they are [counted](Metrics::upgraded) | – |
//! | `tower_ready_build_info` | `name`, `version` |
//! | `process_…`, `tokio_…` | – |
//! | `tower_ready_auth_events_total`, `…_ratelimit_…`, `…_breaker_…`, `…_shed_…`, `…_deadline_…`, `…_shutdown_…` | `event`, and what it is about |
//! | `tower_ready_breaker_state`, `tower_ready_breaker_rejected_total`, `tower_ready_breaker_dropped_total` | `breaker`, of the first `state` too |
//! | `tower_ready_shed_in_flight`, `…_queued`, `…_limit` | `bulkhead` |
//! | `tower_ready_ratelimit_keys` | `limiter` |
//! | `tower_ready_lifecycle_phase`, `…_in_flight`, `…_connections` | of the first `phase` |
//!
//! [`Metrics::scrape_service`] speaks text 0.0.4, OpenMetrics 1.0 and protocol buffers with native
//! histograms, page by page. A registry of the prometheus crate takes a `Metrics::collector`, and an SDK
//! of OpenTelemetry hears of each request through a [`Recorder`]. In your tests [`Metrics::scrape`] is
//! there to be asserted on.
//!
//! Counting takes no lock and allocates nothing once a series is there. A series is never forgotten.
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
//!    to the letter: see [`TraceContext`] and [`TraceState`]. `tracestate` goes on whole. In a process
//!    without a subscriber there are no spans to be named: the trace of a trusted caller goes on as it
//!    is, and none begins until a call on behalf of the request tells the next hop.
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
//! gets the name, the attributes and the status of the semantic conventions for HTTP and RPC. Names come
//! from routes and from methods, which `TracingBuilder::grpc` declares. What is not sampled is never
//! exported, with any sampler that heeds its parent.
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
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tracing` | yes | ids, spans and the access log, and a warning when series find no room; costs tracing |
//! | `axum` | no | axum's routes as labels; costs axum, which is there already |
//! | `hyper`, `tower` | no | knows the errors of hyper, of tower's timeout and load shed; costs that crate |
//! | `prometheus` | no | `Metrics::collector` for a registry; costs prometheus |
//! | `opentelemetry` | no | `OpenTelemetry`, a [`Recorder`], and `TraceContextPropagator`; costs its API, no SDK |
//! | `tracing-opentelemetry` | no | spans become those of OpenTelemetry; costs that crate |
//! | `gzip` | no | compressed answers to scrapes; costs flate2 |
//! | `tokio` | no | `Metrics::runtime`, how busy a runtime is; costs tokio, which is there already |
//! | `auth`, `breaker`, `deadline`, `ratelimit`, `shed`, `shutdown` | no | `Metrics::events`, and `Metrics::watch_…` for gauges; each costs that crate of ours |

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod context;
mod error;
mod gauges;
mod grpc_web;
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
mod verdict;

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
    Spans, TraceBody, TraceFuture, TraceLayer, TraceService, Tracing, TracingBuilder, current,
};
pub use self::{
    error::{ConfigError, ConfigErrorKind},
    labels::{
        Attribute, DescriptorError, GrpcMethods, LabelSet, RouteTable, RpcStatusKey, UrlScheme,
    },
    metrics::{
        Metrics, MetricsBody, MetricsBuilder, MetricsFuture, MetricsLayer, MetricsService,
        Recording, RouteLayer, RouteService, Streams, Upgraded,
    },
    recorder::{Measured, Record, Recorder, SeriesInfo},
    scrape::{Scrape, ScrapeBody, ScrapeError, ScrapeService},
};

#[cfg(all(doctest, feature = "tracing"))]
#[doc = include_str!("../README.md")]
struct Readme;
