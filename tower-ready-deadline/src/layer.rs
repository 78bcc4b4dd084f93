use std::{fmt, sync::Arc};

use tower_layer::Layer;
use tower_ready_core::Head;

use crate::{DeadlineService, Deadlines};

pub(crate) type Condition = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// Holds the requests to a service to deadlines.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct DeadlineLayer {
    deadlines: Deadlines,
    condition: Option<Condition>,
}

impl DeadlineLayer {
    /// A layer of this policy.
    pub const fn new(deadlines: Deadlines) -> Self {
        Self { deadlines, condition: None }
    }

    /// Lets all requests for which this does not hold pass by, as if there were no layer. Default:
    /// none.
    pub fn when(mut self, condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Whether it does anything at all. Default: yes.
    pub fn enabled(self, enabled: bool) -> Self {
        if enabled { self } else { self.when(|_| false) }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService::new(inner, self.deadlines.clone(), self.condition.clone())
    }
}

impl fmt::Debug for DeadlineLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineLayer")
            .field("deadlines", &self.deadlines)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
