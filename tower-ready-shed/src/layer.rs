use std::{fmt, sync::Arc};

use tower_layer::Layer;
use tower_ready_core::Head;

use crate::{Bulkhead, ShedService};

pub(crate) type Condition = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// Lets no more requests through to a service than its bulkhead has slots.
///
/// It holds a handle of its [`Bulkhead`] and nothing else: however often a host applies it, once
/// for each route or for each connection, all of its services share the slots.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct ShedLayer {
    bulkhead: Bulkhead,
    condition: Option<Condition>,
}

impl ShedLayer {
    /// A layer of this bulkhead.
    pub const fn new(bulkhead: Bulkhead) -> Self {
        Self { bulkhead, condition: None }
    }

    /// Lets all requests for which this does not hold pass by. Default: none.
    pub fn when(mut self, condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Whether it does anything at all. Default: yes.
    pub fn enabled(self, enabled: bool) -> Self {
        if enabled { self } else { self.when(|_| false) }
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = ShedService<S>;

    fn layer(&self, inner: S) -> ShedService<S> {
        ShedService::new(inner, self.bulkhead.clone(), self.condition.clone())
    }
}

impl fmt::Debug for ShedLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShedLayer")
            .field("bulkhead", &self.bulkhead)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
