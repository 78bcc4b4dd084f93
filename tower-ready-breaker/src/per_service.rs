use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tower_layer::Layer;

use crate::{Breaker, BreakerService, ConfigError};

/// A breaker of its own for each service that the layer is put around, where
/// [`BreakerLayer`](crate::BreakerLayer) has one for all.
///
/// For the few services that a program makes itself. Not for the routes of axum, which applies
/// layers anew for each connection: those are keyed, [by route](crate::by_route).
///
/// ```
/// use tower::{Layer, service_fn};
/// use tower_ready_breaker::{Breaker, PerServiceLayer, Registry};
///
/// let registry = Registry::new();
/// let known = registry.clone();
/// let layer = PerServiceLayer::new(move |number| {
///     let breaker = Breaker::builder(format!("shard-{number}")).build()?;
///     known.add(&breaker);
///     Ok(breaker)
/// })?;
/// let shards = [8080, 8081, 8082].map(|port| layer.layer(port));
/// assert_eq!(registry.snapshots().len(), 3);
/// # Ok::<(), tower_ready_breaker::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct PerServiceLayer(Arc<Inner>);

struct Inner {
    make: Box<dyn Fn(usize) -> Result<Breaker, ConfigError> + Send + Sync>,
    /// Made ahead, so that a wrong setting is found before there is a service.
    first: Breaker,
    next: AtomicUsize,
}

impl PerServiceLayer {
    /// A layer that makes breakers, of which the first is number 0.
    ///
    /// # Errors
    ///
    /// What `make` says of the first. It should not fail for another: that service would share the
    /// first breaker.
    pub fn new<F>(make: F) -> Result<Self, ConfigError>
    where
        F: Fn(usize) -> Result<Breaker, ConfigError> + Send + Sync + 'static,
    {
        let first = make(0)?;
        Ok(Self(Arc::new(Inner { make: Box::new(make), first, next: AtomicUsize::new(0) })))
    }

    fn breaker(&self) -> Breaker {
        let Inner { make, first, next } = &*self.0;
        match next.fetch_add(1, Relaxed) {
            0 => first.clone(),
            number => make(number).unwrap_or_else(|_| first.clone()),
        }
    }
}

impl<S> Layer<S> for PerServiceLayer {
    type Service = BreakerService<S>;

    fn layer(&self, inner: S) -> BreakerService<S> {
        BreakerService::new(inner, self.breaker())
    }
}

impl fmt::Debug for PerServiceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerServiceLayer").field("first", &self.0.first).finish_non_exhaustive()
    }
}
