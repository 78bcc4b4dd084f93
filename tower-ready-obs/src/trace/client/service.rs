use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{
    ClientTracing,
    trace::{TraceBody, TraceFuture, scope::Scope},
};

/// A client whose calls are part of the trace on whose behalf they are made.
#[derive(Clone, Debug)]
pub struct ClientTraceService<S> {
    inner: S,
    tracing: ClientTracing,
}

impl<S> ClientTraceService<S> {
    pub(super) const fn new(inner: S, tracing: ClientTracing) -> Self {
        Self { inner, tracing }
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

impl<S, Q, B> Service<Request<Q>> for ClientTraceService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Response = Response<TraceBody<B>>;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let mut scope = Scope::default();
        let watched = self.tracing.0.send(&mut request, &mut scope);
        TraceFuture::call(&mut self.inner, request, scope, watched)
    }
}
