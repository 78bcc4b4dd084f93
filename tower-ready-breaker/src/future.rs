use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerFuture, Deadline, GuardedFuture};
use tower_service::Service;

use crate::{BreakerBody, Permit, guard::Watch};

pin_project! {
    /// The future of a [`BreakerService`](crate::BreakerService).
    #[must_use = "futures do nothing unless polled"]
    pub struct BreakerFuture<F> {
        #[pin]
        inner: AnswerFuture<GuardedFuture<F, Watch>>,
    }
}

impl<F> BreakerFuture<F> {
    /// Makes a call, and watches it to its end.
    #[inline]
    pub(crate) fn call<S, Q>(inner: &mut S, request: Request<Q>, permit: Permit) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let deadline = Deadline::of(request.extensions());
        let method = request.method().clone();
        let call = inner.call(request);
        let watched = GuardedFuture::new(&method, call, Watch::new(permit, deadline));
        Self {
            inner: AnswerFuture::inner(watched),
        }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self {
            inner: AnswerFuture::answer(response),
        }
    }
}

impl<F, B, E> Future for BreakerFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<BreakerBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().inner.poll(cx))?;
        Poll::Ready(Ok(response.map(BreakerBody::new)))
    }
}

impl<F> fmt::Debug for BreakerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BreakerFuture").field(&self.inner).finish()
    }
}
