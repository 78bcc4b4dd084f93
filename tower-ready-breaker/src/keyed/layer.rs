use tower_layer::Layer;

use crate::{KeyedBreaker, KeyedBreakerService};

/// Lets requests through as the circuits of their keys say.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct KeyedBreakerLayer {
    breaker: KeyedBreaker,
}

impl KeyedBreakerLayer {
    /// A layer over these circuits.
    pub const fn new(breaker: KeyedBreaker) -> Self {
        Self { breaker }
    }
}

impl<S> Layer<S> for KeyedBreakerLayer {
    type Service = KeyedBreakerService<S>;

    fn layer(&self, inner: S) -> KeyedBreakerService<S> {
        KeyedBreakerService::new(inner, self.breaker.clone())
    }
}
