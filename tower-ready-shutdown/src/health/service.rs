use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{HealthBody, HealthFuture, answer::answer, grpc, layer::Probes};

/// A service with probes in front of it.
///
/// Probes are answered whether or not the inner service is ready, as far as its host asks: it is
/// `Clone` over one that is, to give up the readiness of an inner service that is not called.
#[derive(Clone)]
pub struct HealthService<S> {
    inner: S,
    probes: Arc<Probes>,
}

impl<S> HealthService<S> {
    pub(super) const fn new(inner: S, probes: Arc<Probes>) -> Self {
        Self { inner, probes }
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

impl<S, Q, B> Service<Request<Q>> for HealthService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    Q: Body<Data: Buf>,
{
    type Response = Response<HealthBody<B>>;
    type Error = S::Error;
    type Future = HealthFuture<S::Future, Q>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let path = request.uri().path();
        let question = self.probes.question(path);
        let method = grpc::Method::of(path);
        if (question.is_none() && method.is_none()) || !self.probes.is_enabled {
            return HealthFuture::inner(self.inner.call(request));
        }
        self.probe(question, method, request)
    }
}

impl<S: Clone> HealthService<S> {
    #[cold]
    fn probe<F, Q, B>(
        &mut self,
        question: Option<super::report::Question>,
        method: Option<grpc::Method>,
        request: Request<Q>,
    ) -> HealthFuture<F, Q>
    where
        S: Service<Request<Q>, Response = Response<B>, Future = F>,
        Q: Body<Data: Buf>,
    {
        let Probes { health, disclosure, .. } = &*self.probes;
        let future = match (question, method) {
            (Some(question), _) => {
                HealthFuture::probe(answer(health, question, disclosure, &request))
            }
            (_, Some(method)) if grpc::is_grpc(&request) => {
                HealthFuture::grpc(grpc::GrpcFuture::new(health.clone(), method, request))
            }
            _ => return HealthFuture::inner(self.inner.call(request)),
        };
        // Readiness may be a permit, which nobody is to hold for a call that is not made.
        self.inner = self.inner.clone();
        future
    }
}

impl<S: fmt::Debug> fmt::Debug for HealthService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthService")
            .field("inner", &self.inner)
            .field("health", &self.probes.health)
            .finish_non_exhaustive()
    }
}
