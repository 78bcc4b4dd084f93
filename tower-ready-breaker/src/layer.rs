use tower_layer::Layer;

use crate::{Breaker, BreakerService};

/// Lets requests through as a [`Breaker`] says, and tells it how they go.
///
/// Every service of every layer of one breaker is behind the same circuit.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct BreakerLayer {
    breaker: Breaker,
}

impl BreakerLayer {
    /// A layer over this breaker.
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = BreakerService<S>;

    fn layer(&self, inner: S) -> BreakerService<S> {
        BreakerService::new(inner, self.breaker.clone())
    }
}
