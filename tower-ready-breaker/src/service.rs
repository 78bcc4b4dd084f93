use std::{
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_core::{GuardedBody, GuardedFuture, Head};
use tower_ready_problem::Caller;
use tower_service::Service;

use crate::{Breaker, Rejected, door::Door, guard::Watch};

/// The future of a call through a breaker.
pub type BreakerFuture<F> = GuardedFuture<F, Watch>;

/// The body of an answer: the inner one, whose end the breaker hears of, or that of whoever answered
/// in its place.
pub type BreakerBody<B> = GuardedBody<B, Watch>;

/// The service of a [`BreakerLayer`](crate::BreakerLayer).
///
/// It is ready when the inner service is, and at once when the circuit lets nothing through, also
/// to who waits for the inner service at that moment: then the inner service is left alone, and the
/// next call is rejected, even if the circuit could be tried by then. An error of the inner
/// service's readiness is a failure too, and is passed on.
pub struct BreakerService<S> {
    inner: S,
    door: Door,
}

impl<S> BreakerService<S> {
    /// Guards a service.
    pub const fn new(inner: S, breaker: Breaker) -> Self {
        Self { inner, door: Door::new(breaker) }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service; calls of it go past the breaker.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, Q, B> Service<Request<Q>> for BreakerService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Response = Response<BreakerBody<B>>;
    type Error = S::Error;
    type Future = BreakerFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.door.poll_ready(cx, |cx| self.inner.poll_ready(cx))
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        match self.door.admit() {
            Ok(permit) => {
                let watch = Watch::new(&request, permit);
                BreakerFuture::call(&mut self.inner, request, watch)
            }
            Err(rejected) => BreakerFuture::answer(reject(&rejected, &request)),
        }
    }
}

#[cold]
pub(crate) fn reject<Q>(rejected: &Rejected, request: &Request<Q>) -> Response<Bytes> {
    rejected.answer(&Head::of(request), &Caller::of(request))
}

impl<S: Clone> Clone for BreakerService<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), door: self.door.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for BreakerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerService")
            .field("inner", &self.inner)
            .field("breaker", self.door.breaker())
            .finish_non_exhaustive()
    }
}
