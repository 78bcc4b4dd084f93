use std::{fmt, sync::Arc};

use tower_layer::Layer;

use crate::{Head, MemoryStore, RateLimitService, RateLimiter, policy::Predicate, store::Store};

/// Limits the requests to a service.
///
/// It holds a handle of its [`RateLimiter`] and nothing else: however often a host applies it, once
/// for each route or for each connection, all of its services take from the same buckets.
#[must_use = "a layer limits nothing until it is applied"]
pub struct RateLimitLayer<St: Store = MemoryStore> {
    limiter: RateLimiter<St>,
    condition: Option<Predicate>,
}

impl<St: Store> RateLimitLayer<St> {
    /// A layer of this limiter.
    pub fn new(limiter: RateLimiter<St>) -> Self {
        Self { limiter, condition: None }
    }

    /// Lets all requests for which this does not hold pass by. Default: none.
    pub fn when(mut self, condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Whether it limits at all. Default: yes.
    pub fn enabled(self, enabled: bool) -> Self {
        if enabled { self } else { self.when(|_| false) }
    }
}

impl<S, St: Store> Layer<S> for RateLimitLayer<St> {
    type Service = RateLimitService<S, St>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService::new(inner, self.limiter.clone(), self.condition.clone())
    }
}

impl<St: Store> Clone for RateLimitLayer<St> {
    fn clone(&self) -> Self {
        Self { limiter: self.limiter.clone(), condition: self.condition.clone() }
    }
}

impl<St: Store> fmt::Debug for RateLimitLayer<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("limiter", &self.limiter)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
