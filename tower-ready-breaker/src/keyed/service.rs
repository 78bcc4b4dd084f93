use std::{
    fmt,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_core::Head;
use tower_service::Service;

use crate::{BreakerBody, BreakerFuture, KeyedBreaker, guard::Watch, service::reject};

/// The service of a [`KeyedBreakerLayer`](crate::KeyedBreakerLayer).
///
/// It is ready when the inner service is, since nobody knows the key before the call. A rejection
/// gives that readiness back by putting a clone in the place of the inner service, which is why
/// that has to be `Clone`.
pub struct KeyedBreakerService<S> {
    inner: S,
    breaker: KeyedBreaker,
}

impl<S> KeyedBreakerService<S> {
    /// Guards a service.
    pub const fn new(inner: S, breaker: KeyedBreaker) -> Self {
        Self { inner, breaker }
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

impl<S, Q, B> Service<Request<Q>> for KeyedBreakerService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Response = Response<BreakerBody<B>>;
    type Error = S::Error;
    type Future = BreakerFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let readied = ready!(self.inner.poll_ready(cx));
        if readied.is_err() {
            self.breaker.fail_unready();
        }
        Poll::Ready(readied)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        match self.breaker.try_acquire(&Head::of(&request)) {
            Ok(permit) => {
                let watch = Watch::new(&request, permit);
                BreakerFuture::call(&mut self.inner, request, watch)
            }
            Err(rejected) => {
                self.inner = self.inner.clone();
                BreakerFuture::answer(reject(&rejected, &request))
            }
        }
    }
}

/// The clone is a service of its own: it has to get ready by itself.
impl<S: Clone> Clone for KeyedBreakerService<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.breaker.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for KeyedBreakerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakerService")
            .field("inner", &self.inner)
            .field("breaker", &self.breaker)
            .finish()
    }
}
