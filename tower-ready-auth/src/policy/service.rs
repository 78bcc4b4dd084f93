use std::{
    fmt, mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_core::{AnswerBody, Head};
use tower_ready_problem::Caller;
use tower_service::Service;

use super::{PolicyFuture, PolicyLayer, layer::Step};
use crate::deferred::Deferred;

/// A service whose requests are held to a policy.
#[derive(Clone)]
pub struct PolicyService<S> {
    inner: S,
    layer: PolicyLayer,
}

impl<S> PolicyService<S> {
    pub(super) const fn new(inner: S, layer: PolicyLayer) -> Self {
        Self { inner, layer }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, which must not be called past this one.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service alone.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for PolicyService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
{
    type Response = Response<AnswerBody<R>>;
    type Error = S::Error;
    type Future = PolicyFuture<S, B>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.layer.decide(&Head::of(&request)) {
            Step::Pass => PolicyFuture { deferred: Deferred::inner(self.inner.call(request)) },
            Step::Refuse(problem) => {
                // The inner service may have reserved something when it was ready.
                let clone = self.inner.clone();
                drop(mem::replace(&mut self.inner, clone));
                PolicyFuture { deferred: Deferred::answer(problem.answer(&Caller::of(&request))) }
            }
            Step::Later(verdict) => {
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                PolicyFuture {
                    deferred: Deferred::later(self.layer.clone(), ready, request, verdict),
                }
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for PolicyService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyService")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}
