//! A task that counts how often it is woken.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use http_body::Body;
use tower_service::Service;

/// Polls what it is given under a waker of its own.
#[derive(Debug)]
pub(super) struct Task {
    wakes: Arc<Wakes>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Wakes(AtomicUsize);

// === impl Task ===

impl Task {
    pub(super) fn new() -> Self {
        let wakes = Arc::<Wakes>::default();
        Self { waker: Waker::from(Arc::clone(&wakes)), wakes }
    }

    pub(super) fn is_woken(&self) -> bool {
        self.wakes.0.load(Ordering::SeqCst) > 0
    }

    pub(super) fn poll<F: Future>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut self.context())
    }

    pub(super) fn poll_ready<S: Service<R>, R>(
        &self,
        service: &mut S,
    ) -> Poll<Result<(), S::Error>> {
        service.poll_ready(&mut self.context())
    }

    pub(super) fn poll_frame<B: Body>(&self, mut body: Pin<&mut B>) -> Poll<()> {
        body.as_mut().poll_frame(&mut self.context()).map(drop)
    }

    fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

// === impl Wakes ===

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
