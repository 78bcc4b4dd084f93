use std::{fmt, sync::Arc};

use tower_ready_core::{Head, Route};

use super::{
    Spans, TraceLayer, TracingBuilder, baggage::AllowedBaggage, edge::Trust, sampler::Sampler,
};
use crate::{labels::Methods, log::AccessLog};

/// Who asked, and as part of which trace: ids, a span and a line in the log for each request.
///
/// ```
/// use tower_ready_obs::{Edge, Tracing};
///
/// let tracing = Tracing::builder().edge(Edge::Trusted).sample(0.1).build()?;
/// let layer = tracing.layer();
/// # Ok::<(), tower_ready_obs::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Tracing(pub(super) Arc<Policy>);

pub(super) type Choice = Box<dyn Fn(&Head<'_>) -> Option<Route> + Send + Sync>;

pub(super) struct Policy {
    pub(super) trust: Trust,
    pub(super) sampler: Sampler,
    pub(super) spans: Spans,
    pub(super) has_request_ids: bool,
    pub(super) baggage: AllowedBaggage,
    pub(super) methods: Methods,
    pub(super) route: Option<Choice>,
    #[cfg(feature = "tracing-opentelemetry")]
    pub(super) grpc: Option<crate::labels::GrpcNames>,
    pub(super) log: Option<Arc<AccessLog>>,
}

impl Tracing {
    /// Starts from the defaults: no caller is believed, every trace is sampled, every request has a
    /// span and a line in the log.
    pub fn builder() -> TracingBuilder {
        TracingBuilder::new()
    }

    /// A layer of this policy.
    pub fn layer(&self) -> TraceLayer {
        TraceLayer::new(self.clone())
    }
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing")
            .field("edge", &self.0.trust)
            .field("spans", &self.0.spans)
            .field("request_ids", &self.0.has_request_ids)
            .field("baggage", &self.0.baggage)
            .field("access_log", &self.0.log)
            .finish_non_exhaustive()
    }
}
