//! How many requests, how many failed, how long they took.

mod active;
mod builder;
mod counters;
mod families;
mod gauge;
mod handle;
mod initialize;
mod layer;
mod peer;
mod recording;
mod route_layer;
mod service;
mod state;
mod upgraded;

#[cfg(any(
    feature = "auth",
    feature = "breaker",
    feature = "deadline",
    feature = "ratelimit",
    feature = "shed",
    feature = "shutdown"
))]
pub(crate) use self::counters::Counters;
#[cfg(feature = "opentelemetry")]
pub(crate) use self::families::places;
pub use self::{
    builder::{MetricsBuilder, Streams},
    handle::Metrics,
    layer::MetricsLayer,
    recording::Recording,
    route_layer::{RouteLayer, RouteService},
    service::{MetricsBody, MetricsFuture, MetricsService},
    upgraded::Upgraded,
};
