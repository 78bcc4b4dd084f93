//! The limits of other crates, with their defaults where we do not know better.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Pending, pending},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use tower::{Layer, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_resilience_adaptive::{Aimd, ConcurrencyAlgorithm, Gradient2, Vegas};
use tower_resilience_bulkhead::BulkheadLayer;

use super::limiter::SLOW;

/// A law by which a limit moves, which takes the time as an argument.
pub(super) type Algorithm = Box<dyn ConcurrencyAlgorithm>;

pub(super) fn aimd() -> Algorithm {
    Box::new(Aimd::builder().latency_threshold(SLOW).build().unwrap())
}

pub(super) fn vegas() -> Algorithm {
    Box::new(Vegas::builder().build().unwrap())
}

pub(super) fn gradient2() -> Algorithm {
    Box::new(Gradient2::builder().build().unwrap())
}

/// A service whose calls are never answered: they are dropped when they are done.
pub(super) struct Peer {
    /// How many calls have come through to the service inside.
    inside: Arc<AtomicUsize>,
    service: BoxCloneSyncService<(), (), tower::BoxError>,
    calls: HashMap<u64, Held>,
    next: u64,
}

pub(super) fn tower() -> Peer {
    Peer::new(|inner| ServiceBuilder::new().load_shed().concurrency_limit(20).service(inner))
}

/// It needs a timer around it, even to turn away at once.
pub(super) fn bulkhead() -> Peer {
    let layer = BulkheadLayer::builder().max_concurrent_calls(20).reject_when_full().build();
    Peer::new(|inner| layer.unwrap().layer(inner))
}

/// What is never answered, counted as it is called.
#[derive(Clone)]
struct Inner(Arc<AtomicUsize>);

impl Service<()> for Inner {
    type Response = ();
    type Error = Infallible;
    type Future = Pending<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.0.fetch_add(1, Relaxed);
        pending()
    }
}

type Held = Pin<Box<dyn Future<Output = Result<(), tower::BoxError>>>>;

impl Peer {
    fn new<S>(around: impl FnOnce(Inner) -> S) -> Self
    where
        S: Service<(), Response = (), Error: Into<tower::BoxError>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let inside = Arc::default();
        let service = around(Inner(Arc::clone(&inside))).map_err(Into::into);
        let service = BoxCloneSyncService::new(service);
        Self { inside, service, calls: HashMap::new(), next: 0 }
    }

    pub(super) fn admit(&mut self) -> Option<u64> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut service = self.service.clone();
        let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else {
            return None;
        };
        let before = self.inside.load(Relaxed);
        let mut call = service.call(());
        let is_over = call.as_mut().poll(&mut cx).is_ready();
        if is_over || self.inside.load(Relaxed) == before {
            return None;
        }
        self.next += 1;
        self.calls.insert(self.next, call);
        Some(self.next)
    }

    pub(super) fn done(&mut self, number: u64) {
        assert!(self.calls.remove(&number).is_some(), "it was let in");
    }
}
