use std::{
    fmt, mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_core::{AnswerBody, Head, called};
use tower_ready_problem::Caller;
use tower_service::Service;

use crate::{
    Auth, AuthFuture, Principal,
    auth::Step,
    credentials::{hide, mark},
    deferred::Deferred,
    layer::Predicate,
};

/// A service that knows who calls.
///
/// It is ready when the inner service is, decides in `call`, and leaves the inner service alone
/// until a request may pass. It needs a clone of the inner service because a decision may have to
/// wait for keys or a store, and the one that is ready has to be kept for it.
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    auth: Auth,
    condition: Option<Predicate>,
}

/// In the extensions of a request that passed as nobody, so that a policy inside can tell it from
/// one that nobody has looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;

impl<S> AuthService<S> {
    pub(crate) const fn new(inner: S, auth: Auth, condition: Option<Predicate>) -> Self {
        Self { inner, auth, condition }
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

impl<S, B, R> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
{
    type Response = Response<AnswerBody<R>>;
    type Error = S::Error;
    type Future = AuthFuture<S, B>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let head = Head::of(&request);
        let step = if self.condition.as_ref().is_some_and(|holds| !holds(&head)) {
            Step::Pass(None)
        } else {
            self.auth.decide(&head)
        };
        match step {
            Step::Pass(principal) => {
                admit(&self.auth, &mut request, principal);
                AuthFuture { deferred: Deferred::inner(called(&mut self.inner, request)) }
            }
            Step::Refuse(problem) => {
                // The inner service may have reserved something when it was ready.
                let clone = self.inner.clone();
                drop(mem::replace(&mut self.inner, clone));
                AuthFuture { deferred: Deferred::answer(problem.answer(&Caller::of(&request))) }
            }
            Step::Later(result) => {
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                AuthFuture { deferred: Deferred::later(self.auth.clone(), ready, request, result) }
            }
        }
    }
}

/// Puts into a request who sent it, in place of what an outer layer may have found out.
pub(crate) fn admit<B>(auth: &Auth, request: &mut Request<B>, principal: Option<Principal>) {
    for forward in &auth.0.forward {
        forward.apply(request.headers_mut(), principal.as_ref());
    }
    let extensions = request.extensions_mut();
    match principal {
        Some(principal) => {
            extensions.insert(principal);
            hide(request.headers_mut(), auth.0.key_header.as_ref(), auth.0.remove);
        }
        None => {
            extensions.insert(Anonymous);
            mark(request.headers_mut(), auth.0.key_header.as_ref());
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for AuthService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthService")
            .field("inner", &self.inner)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}
