//! The layer for services whose answers are not HTTP: a typed error in place of an answer.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_ready_core::{Instant, Outcome};
use tower_service::Service;

use crate::{Breaker, BreakerError, Rejected, door::Door, parked::Parked};

/// Guards a service of any kind: what it does not let through is a [`BreakerError::Rejected`], and
/// an error of the service is a failure.
///
/// ```
/// use tower::{Layer, Service, ServiceExt, service_fn};
/// use tower_ready_breaker::{Breaker, BreakerError, CallLayer};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let breaker = Breaker::builder("mail").consecutive_failures(1).build().unwrap();
/// let mut mail = CallLayer::new(breaker).layer(service_fn(async |_: &str| Err::<(), _>("no")));
///
/// let first = mail.ready().await.unwrap().call("a@example.com").await;
/// assert!(matches!(first, Err(BreakerError::Inner("no"))));
/// let second = mail.ready().await.unwrap().call("b@example.com").await;
/// assert!(matches!(second, Err(BreakerError::Rejected(_))));
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct CallLayer {
    breaker: Breaker,
}

/// The service of a [`CallLayer`]. It is ready as a [`BreakerService`](crate::BreakerService) is.
pub struct CallService<S> {
    inner: S,
    door: Door,
}

pin_project! {
    /// The future of a [`CallService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        Call { #[pin] call: F, permit: Parked },
        Rejected { rejected: Option<Rejected> },
    }
}

// === impl CallLayer ===

impl CallLayer {
    /// A layer over this breaker.
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { inner, door: Door::new(self.breaker.clone()) }
    }
}

// === impl CallService ===

impl<S, Q> Service<Q> for CallService<S>
where
    S: Service<Q>,
{
    type Response = S::Response;
    type Error = BreakerError<S::Error>;
    type Future = CallFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let readied = self.door.poll_ready(cx, |cx| self.inner.poll_ready(cx));
        readied.map_err(BreakerError::Inner)
    }

    #[inline]
    fn call(&mut self, request: Q) -> Self::Future {
        let kind = match self.door.admit() {
            Ok(permit) => {
                Kind::Call { call: self.inner.call(request), permit: Parked::new(permit) }
            }
            Err(rejected) => Kind::Rejected { rejected: Some(rejected) },
        };
        CallFuture { kind }
    }
}

impl<S: Clone> Clone for CallService<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), door: self.door.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for CallService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallService")
            .field("inner", &self.inner)
            .field("breaker", self.door.breaker())
            .finish_non_exhaustive()
    }
}

// === impl CallFuture ===

impl<F, T, E> Future for CallFuture<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, BreakerError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Call { call, permit } => {
                // Out of the future while that is polled: a panic drops it at once.
                let held = permit.take();
                let Poll::Ready(result) = call.poll(cx) else {
                    if let Some(held) = held {
                        permit.park(held);
                    }
                    return Poll::Pending;
                };
                if let Some(mut permit) = held {
                    let outcome = match result {
                        Ok(_) => Outcome::Success,
                        Err(_) => Outcome::Failure,
                    };
                    let now = Instant::now();
                    let slow = permit.is_slow(now);
                    permit.settle(outcome, slow, None, now);
                }
                Poll::Ready(result.map_err(BreakerError::Inner))
            }
            KindProj::Rejected { rejected } => {
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                let rejected = rejected.take().expect("`CallFuture` polled after completion");
                Poll::Ready(Err(BreakerError::Rejected(rejected)))
            }
        }
    }
}

impl<F> fmt::Debug for CallFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Call { .. } => "CallFuture::Call(..)",
            Kind::Rejected { .. } => "CallFuture::Rejected(..)",
        })
    }
}
