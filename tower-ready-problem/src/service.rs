use std::{
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{
    Caller, ProblemBody, ProblemFuture, Problems, future::Asked, panic, problems::BoxError, types,
};

/// The service of a [`ProblemLayer`](crate::ProblemLayer). It never fails.
pub struct ProblemService<S> {
    inner: S,
    problems: Problems,
    /// An inner service that failed to become ready cannot be called, and `poll_ready` cannot
    /// answer: so the next call does.
    unready: Option<BoxError>,
}

impl<S> ProblemService<S> {
    pub(crate) const fn new(inner: S, problems: Problems) -> Self {
        Self { inner, problems, unready: None }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, which must not be called past this one.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, Q, B> Service<Request<Q>> for ProblemService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ProblemBody<B>>;
    type Error = Infallible;
    type Future = ProblemFuture<S::Future, B>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.unready.is_none() {
            match panic::catch(|| self.inner.poll_ready(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Ok(()))) => {}
                Ok(Poll::Ready(Err(error))) => self.unready = Some(error.into()),
                Err(panicked) => self.unready = Some(panicked.into()),
            }
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let asked = Asked { problems: self.problems.clone(), caller: Caller::of(&request) };
        match self.unready.take() {
            None => ProblemFuture::call(&mut self.inner, request, &mut Some(asked)),
            Some(error) => {
                let problem = self.problems.of_error(error, &types::UNAVAILABLE);
                ProblemFuture::fail(problem, asked)
            }
        }
    }
}

/// Readiness is of one instance: a clone has not heard of the failure of another.
impl<S: Clone> Clone for ProblemService<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.problems.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for ProblemService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProblemService")
            .field("inner", &self.inner)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}
