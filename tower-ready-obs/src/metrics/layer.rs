use std::{fmt, sync::Arc};

use tower_layer::Layer;
use tower_ready_core::Head;

use super::{Metrics, MetricsService};

pub(super) type Condition = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// Counts the requests to a service, or those of a client.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct MetricsLayer {
    metrics: Metrics,
    is_client: bool,
    condition: Option<Condition>,
}

impl MetricsLayer {
    /// A layer for a server.
    pub const fn new(metrics: Metrics) -> Self {
        Self { metrics, is_client: false, condition: None }
    }

    /// A layer for a client.
    pub const fn client(metrics: Metrics) -> Self {
        Self { metrics, is_client: true, condition: None }
    }

    /// Counts no request for which this does not hold: probes, scrapes. Default: counts all.
    pub fn when(mut self, condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Whether it counts anything at all. Default: yes.
    pub fn enabled(self, enabled: bool) -> Self {
        if enabled { self } else { self.when(|_| false) }
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = MetricsService<S>;

    fn layer(&self, inner: S) -> MetricsService<S> {
        MetricsService::new(inner, self.metrics.clone(), self.is_client, self.condition.clone())
    }
}

impl fmt::Debug for MetricsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsLayer")
            .field("metrics", &self.metrics)
            .field("client", &self.is_client)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
