use std::{
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{Breaker, BreakerBody, FallbackFuture, door::Door, guard::Watch};

/// The service of a [`FallbackLayer`](crate::FallbackLayer).
///
/// It is ready as a [`BreakerService`](crate::BreakerService) is. A clone of the other service is
/// asked for its readiness when there is a request for it.
pub struct FallbackService<S, F> {
    inner: S,
    door: Door,
    fallback: F,
}

impl<S, F> FallbackService<S, F> {
    /// Guards a service.
    pub const fn new(inner: S, breaker: Breaker, fallback: F) -> Self {
        Self { inner, door: Door::new(breaker), fallback }
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

impl<S, F, Q, B> Service<Request<Q>> for FallbackService<S, F>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: 'static,
    F: Service<Request<Q>, Response = Response<B>, Error = S::Error> + Clone,
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Response = Response<BreakerBody<B>>;
    type Error = S::Error;
    type Future = FallbackFuture<S::Future, F, Q>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.door.poll_ready(cx, |cx| self.inner.poll_ready(cx))
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        match self.door.admit() {
            Ok(permit) => {
                let watch = Watch::new(&request, permit);
                FallbackFuture::call(&mut self.inner, request, watch)
            }
            Err(rejected) => FallbackFuture::fall_back(&self.fallback, request, rejected),
        }
    }
}

impl<S: Clone, F: Clone> Clone for FallbackService<S, F> {
    fn clone(&self) -> Self {
        let (inner, fallback) = (self.inner.clone(), self.fallback.clone());
        Self { inner, door: self.door.clone(), fallback }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for FallbackService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackService")
            .field("inner", &self.inner)
            .field("breaker", self.door.breaker())
            .finish_non_exhaustive()
    }
}
