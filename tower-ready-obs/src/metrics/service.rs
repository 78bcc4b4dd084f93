use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_ready_core::{GuardedBody, GuardedFuture, Head};
use tower_service::Service;

use super::{Metrics, Recording, layer::Condition};

/// A service whose requests are counted.
#[derive(Clone)]
pub struct MetricsService<S> {
    inner: S,
    metrics: Metrics,
    is_client: bool,
    condition: Option<Condition>,
}

/// The future of a [`MetricsService`].
pub type MetricsFuture<F> = GuardedFuture<F, Recording>;

/// The body of an answer that is counted when it is over.
pub type MetricsBody<B> = GuardedBody<B, Recording>;

impl<S> MetricsService<S> {
    pub(super) const fn new(
        inner: S,
        metrics: Metrics,
        is_client: bool,
        condition: Option<Condition>,
    ) -> Self {
        Self { inner, metrics, is_client, condition }
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

impl<S, Q, B> Service<Request<Q>> for MetricsService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: 'static,
    B: Body,
    B::Error: 'static,
{
    type Response = Response<MetricsBody<B>>;
    type Error = S::Error;
    type Future = MetricsFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let counts = self.condition.as_ref().is_none_or(|holds| holds(&Head::of(&request)));
        let recording = match counts {
            true => Recording::start(self.metrics.lane(), self.is_client, &mut request),
            false => Recording::nothing(),
        };
        GuardedFuture::call(&mut self.inner, request, recording)
    }
}

impl<S: fmt::Debug> fmt::Debug for MetricsService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsService")
            .field("inner", &self.inner)
            .field("metrics", &self.metrics)
            .field("client", &self.is_client)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
