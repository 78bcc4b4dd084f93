use std::{fmt, sync::Arc};

use tower_layer::Layer;
use tower_ready_core::Head;

use super::{TraceService, Tracing};

pub(super) type Condition = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// Gives the requests to a service their ids, spans and lines in the log.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct TraceLayer {
    tracing: Tracing,
    condition: Option<Condition>,
}

impl TraceLayer {
    /// A layer of this policy.
    pub const fn new(tracing: Tracing) -> Self {
        Self { tracing, condition: None }
    }

    /// Lets all requests for which this does not hold pass by, as if there were no layer: probes, say.
    /// Default: none.
    pub fn when(mut self, condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Whether it does anything at all. Default: yes.
    pub fn enabled(self, enabled: bool) -> Self {
        if enabled { self } else { self.when(|_| false) }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        TraceService::new(inner, self.tracing.clone(), self.condition.clone())
    }
}

impl fmt::Debug for TraceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceLayer")
            .field("tracing", &self.tracing)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
