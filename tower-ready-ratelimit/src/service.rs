use std::{
    fmt, mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_core::called;
use tower_ready_problem::Caller;
use tower_service::Service;

use crate::{
    Head, RateLimitBody, RateLimitFuture, RateLimiter,
    decide::{Pass, Refusal, Step},
    limiter::Shared,
    policy::Predicate,
    store::{MemoryStore, Store},
};

/// A service whose requests are limited.
///
/// It is ready when the inner service is, decides in `call`, and leaves the inner service alone
/// until a request may pass. It needs a clone of the inner service because a decision may take a
/// trip to a store, and the one that is ready has to be kept for it.
pub struct RateLimitService<S, St: Store = MemoryStore> {
    inner: S,
    limiter: RateLimiter<St>,
    condition: Option<Predicate>,
}

impl<S, St: Store> RateLimitService<S, St> {
    pub(crate) const fn new(
        inner: S,
        limiter: RateLimiter<St>,
        condition: Option<Predicate>,
    ) -> Self {
        Self { inner, limiter, condition }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to be changed.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service alone.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R, St> Service<Request<B>> for RateLimitService<S, St>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: 'static,
    R: Body<Data = Bytes>,
    R::Error: 'static,
    St: Store,
{
    type Response = Response<RateLimitBody<R>>;
    type Error = S::Error;
    type Future = RateLimitFuture<S, B, St>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let head = Head::of(&request);
        let passes_by = self.condition.as_ref().is_some_and(|holds| !holds(&head));
        let decided = if passes_by { Ok(()) } else { self.limiter.0.decide(&head) };
        match decided {
            Ok(()) => RateLimitFuture::bare(called(&mut self.inner, request)),
            Err(step) => self.call_decided(request, step),
        }
    }
}

impl<S, St: Store> RateLimitService<S, St> {
    #[inline(never)]
    fn call_decided<B>(&mut self, request: Request<B>, step: Step<St>) -> RateLimitFuture<S, B, St>
    where
        S: Service<Request<B>> + Clone,
    {
        match step {
            Step::Pass(Pass { lines, after: None, decision: None }) => {
                RateLimitFuture::plain(self.inner.call(request), lines)
            }
            Step::Pass(pass) => RateLimitFuture::pass(&mut self.inner, request, pass),
            Step::Refuse(refusal) => {
                // The inner service made itself ready for a request that will not come; a clone
                // in its place gives back what it may hold for that.
                self.inner = self.inner.clone();
                RateLimitFuture::refuse(answer(refusal, &request))
            }
            later => {
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let limiter: &Shared<St> = &self.limiter.0;
                RateLimitFuture::wait(ready, request, limiter.clone(), later)
            }
        }
    }
}

/// The refusal, in the form that its caller understands.
#[cold]
pub(crate) fn answer<B>(refusal: Refusal, request: &Request<B>) -> Response<Bytes> {
    let mut response = refusal.problem.answer(&Caller::of(request));
    refusal.lines.insert_into(response.headers_mut());
    if let Some(decision) = refusal.decision {
        response.extensions_mut().insert(*decision);
    }
    response
}

/// The clone is a service of its own: it has to become ready by itself.
impl<S: Clone, St: Store> Clone for RateLimitService<S, St> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            limiter: self.limiter.clone(),
            condition: self.condition.clone(),
        }
    }
}

impl<S: fmt::Debug, St: Store> fmt::Debug for RateLimitService<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitService")
            .field("inner", &self.inner)
            .field("limiter", &self.limiter)
            .finish_non_exhaustive()
    }
}
