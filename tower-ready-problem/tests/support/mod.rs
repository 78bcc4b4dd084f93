//! The smallest layers that go wrong in each of the ways that a problem layer must mend.

#![allow(dead_code, reason = "each test binary uses what it needs")]

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_ready_core::{AnswerBody, AnswerFuture};
use tower_ready_problem::{Caller, Problem};
use tower_service::Service;

/// Rejects every request with a problem, as a layer of the suite does.
#[derive(Clone)]
pub(crate) struct Reject(Arc<dyn Fn() -> Problem + Send + Sync>);

impl Reject {
    pub(crate) fn with(problem: impl Fn() -> Problem + Send + Sync + 'static) -> Self {
        Self(Arc::new(problem))
    }
}

impl<S> Layer<S> for Reject {
    type Service = RejectService<S>;

    fn layer(&self, inner: S) -> RejectService<S> {
        RejectService { inner, reject: self.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct RejectService<S> {
    inner: S,
    reject: Reject,
}

impl<S, Q, B> Service<Request<Q>> for RejectService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
{
    type Response = Response<AnswerBody<B>>;
    type Error = S::Error;
    type Future = AnswerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        // A permit that the inner service took in `poll_ready` goes back with the instance.
        self.inner = self.inner.clone();
        AnswerFuture::answer((self.reject.0)().answer(&Caller::of(&request)))
    }
}

/// Fails every call with an error, as the layers of others do.
#[derive(Clone)]
pub(crate) struct Fail(Arc<dyn Fn() -> tower::BoxError + Send + Sync>);

impl Fail {
    pub(crate) fn with<E: Into<tower::BoxError>>(
        error: impl Fn() -> E + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move || error().into()))
    }
}

impl<S> Layer<S> for Fail {
    type Service = FailService<S>;

    fn layer(&self, inner: S) -> FailService<S> {
        FailService { inner, fail: self.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct FailService<S> {
    inner: S,
    fail: Fail,
}

impl<S: Service<R>, R> Service<R> for FailService<S> {
    type Response = S::Response;
    type Error = tower::BoxError;
    type Future = Ready<Result<S::Response, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), tower::BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        ready(Err((self.fail.0)()))
    }
}

/// Never gets ready, and panics when it is called all the same.
#[derive(Clone, Copy)]
pub(crate) struct Unready;

impl<S> Layer<S> for Unready {
    type Service = UnreadyService<S>;

    fn layer(&self, inner: S) -> UnreadyService<S> {
        UnreadyService { inner }
    }
}

#[derive(Clone)]
pub(crate) struct UnreadyService<S> {
    inner: S,
}

impl<S: Service<R>, R> Service<R> for UnreadyService<S> {
    type Response = S::Response;
    type Error = tower::BoxError;
    type Future = Ready<Result<S::Response, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), tower::BoxError>> {
        Poll::Ready(Err("the pool is closed, password=K-4711".into()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        panic!("called without having been ready")
    }
}

/// An error of the user's own.
#[derive(Debug)]
pub(crate) struct OutOfStock;

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shelf K-4711 is empty")
    }
}

impl std::error::Error for OutOfStock {}
