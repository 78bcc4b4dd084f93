use std::{
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_core::Head;
use tower_service::Service;

use super::{TraceBody, TraceFuture, Tracing, layer::Condition, scope::Scope};

/// A service whose requests have ids, spans and lines in the log.
#[derive(Clone)]
pub struct TraceService<S> {
    inner: S,
    tracing: Tracing,
    condition: Option<Condition>,
}

impl<S> TraceService<S> {
    pub(super) const fn new(inner: S, tracing: Tracing, condition: Option<Condition>) -> Self {
        Self { inner, tracing, condition }
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

impl<S, Q, B> Service<Request<Q>> for TraceService<S>
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
        let passes_by = self.condition.as_ref().is_some_and(|holds| !holds(&Head::of(&request)));
        let mut scope = Scope::default();
        let watched = match passes_by {
            true => None,
            false => self.tracing.0.receive(&mut request, &mut scope),
        };
        TraceFuture::call(&mut self.inner, request, scope, watched)
    }
}

impl<S: fmt::Debug> fmt::Debug for TraceService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceService")
            .field("inner", &self.inner)
            .field("tracing", &self.tracing)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
