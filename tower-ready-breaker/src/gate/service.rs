use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::{Breaker, BreakerBody, BreakerFuture, changes::Waiter, guard::Watch, service::reject};

/// The service of a [`GateLayer`](crate::GateLayer).
///
/// A slot of a half-open circuit is taken by the call and not before: a balancer may keep a service
/// that is ready for as long as it likes. A service that was ready when the circuit opened answers
/// its next call with a rejection.
pub struct GateService<S> {
    inner: S,
    waiter: Waiter,
    /// Until the circuit may be tried. Boxed, since only a circuit that is open needs one.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> GateService<S> {
    /// Guards a service.
    pub const fn new(inner: S, breaker: Breaker) -> Self {
        Self { inner, waiter: Waiter::new(breaker), timer: None }
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

    /// Waits until the circuit lets calls through.
    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.timer = None;
            if self.waiter.breaker.lets_pass() {
                self.waiter.leave();
                return Poll::Ready(());
            }
            // First on the list, then another look: else a change between the two is missed.
            self.waiter.wait(cx);
            if self.waiter.breaker.lets_pass() {
                self.waiter.leave();
                return Poll::Ready(());
            }
            // Forced open there is nothing to wait for but an order.
            let Some(wait) = self.waiter.breaker.admits_in() else {
                return Poll::Pending;
            };
            let timer = self.timer.insert(Box::pin(sleep(wait)));
            ready!(timer.as_mut().poll(cx));
        }
    }
}

impl<S, Q, B> Service<Request<Q>> for GateService<S>
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
        ready!(self.poll_gate(cx));
        let readied = ready!(self.inner.poll_ready(cx));
        if readied.is_err() {
            self.waiter.breaker.fail_unready();
        }
        Poll::Ready(readied)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        match self.waiter.breaker.admit() {
            Ok(permit) => {
                let watch = Watch::new(&request, permit);
                BreakerFuture::call(&mut self.inner, request, watch)
            }
            Err(rejected) => BreakerFuture::answer(reject(&rejected, &request)),
        }
    }
}

/// The clone has a timer of its own, when it needs one.
impl<S: Clone> Clone for GateService<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.waiter.breaker.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for GateService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateService")
            .field("inner", &self.inner)
            .field("breaker", &self.waiter.breaker)
            .finish_non_exhaustive()
    }
}
