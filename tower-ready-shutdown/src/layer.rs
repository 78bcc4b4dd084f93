use std::{fmt, sync::Arc, sync::atomic::Ordering};

use tower_layer::Layer;
use tower_ready_core::{Head, Route};

use crate::{Lifecycle, ShutdownService};

pub(crate) type Condition = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;
pub(crate) type Describe = Arc<dyn Fn(&Head<'_>) -> Route + Send + Sync>;

/// Counts requests in flight, to the ends of their bodies, and tells clients to go when the process
/// leaves.
///
/// It holds a handle of its [`Lifecycle`] and nothing else: however often a host applies it, there
/// is one count.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct ShutdownLayer {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) options: Arc<Options>,
}

#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) exempt: Option<Condition>,
    pub(crate) describe: Option<Describe>,
    pub(crate) rejects: bool,
    pub(crate) token: bool,
}

impl Options {
    /// Whether a request is neither looked at nor changed, unless the process is about to end.
    pub(crate) const fn are_plain(&self) -> bool {
        self.exempt.is_none() && self.describe.is_none() && !self.token
    }
}

impl ShutdownLayer {
    /// A layer of this lifecycle.
    pub fn new(lifecycle: Lifecycle) -> Self {
        Self { lifecycle, options: Arc::default() }
    }

    /// Requests that are neither counted nor told to go: probes and scrapes, which ask an instance
    /// that leaves all the same. They are served in any phase. Default: none, since health checks
    /// belong outside of this layer.
    pub fn exempt(self, exempt: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.exempt = Some(Arc::new(exempt)))
    }

    /// What a report calls a request that is cut, next to its method, id, age and peer. A
    /// [`RouteSlot`](tower_ready_core::RouteSlot) in the request's extensions is asked first. Costs
    /// some 100 ns a request, and an allocation. Default: requests are only counted.
    pub fn describe(self, describe: impl Fn(&Head<'_>) -> Route + Send + Sync + 'static) -> Self {
        self.with(|options| options.describe = Some(Arc::new(describe)))
    }

    /// Whether requests that still come when nobody is accepted any more are turned away, with 503
    /// and `UNAVAILABLE`, which balancers send to another instance. Default: no, they are served.
    pub fn reject_when_closing(self, reject: bool) -> Self {
        self.with(|options| options.rejects = reject)
    }

    /// Whether requests carry the [`Lifecycle`] in their extensions, for handlers that stream.
    /// Costs up to three allocations a request; the state of an application is a cheaper place.
    /// Default: no.
    pub fn extension(self, on: bool) -> Self {
        self.with(|options| options.token = on)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl<S> Layer<S> for ShutdownLayer {
    type Service = ShutdownService<S>;

    fn layer(&self, inner: S) -> ShutdownService<S> {
        self.lifecycle.0.traffic.counted.store(true, Ordering::Relaxed);
        ShutdownService::new(inner, self.clone())
    }
}

impl fmt::Debug for ShutdownLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownLayer")
            .field("lifecycle", &self.lifecycle)
            .field("exempt", &self.options.exempt.is_some())
            .field("describe", &self.options.describe.is_some())
            .field("reject_when_closing", &self.options.rejects)
            .field("extension", &self.options.token)
            .finish()
    }
}
