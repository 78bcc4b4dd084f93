use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_problem::Caller;
use tower_service::Service;

use super::stall::Stall;
use crate::{Deadlines, UploadBody, UploadFuture};

/// The service of an [`UploadLayer`](crate::UploadLayer).
#[derive(Clone, Debug)]
pub struct UploadService<S> {
    inner: S,
    deadlines: Deadlines,
}

impl<S> UploadService<S> {
    pub(super) const fn new(inner: S, deadlines: Deadlines) -> Self {
        Self { inner, deadlines }
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

impl<S, Q, B> Service<Request<Q>> for UploadService<S>
where
    S: Service<Request<UploadBody<Q>>, Response = Response<B>>,
    Q: Body<Data = Bytes>,
{
    type Response = Response<tower_ready_core::AnswerBody<B>>;
    type Error = S::Error;
    type Future = UploadFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        // Most requests have no body, or all of it already.
        if request.body().is_end_stream() {
            let request = request.map(|body| UploadBody::new(body, None));
            return UploadFuture::new(self.inner.call(request), None);
        }
        let caller = Caller::of(&request);
        let stall = Stall::new(Arc::clone(&self.deadlines.0), caller.protocol());
        let told = Arc::clone(&stall);
        let request = request.map(|body| UploadBody::new(body, Some(told)));
        UploadFuture::new(self.inner.call(request), Some((caller, stall)))
    }
}
