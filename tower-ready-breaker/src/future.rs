use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerFuture, GuardedFuture};

use crate::{BreakerBody, guard::Watch};

pin_project! {
    /// The future of a [`BreakerService`](crate::BreakerService).
    #[must_use = "futures do nothing unless polled"]
    pub struct BreakerFuture<F> {
        #[pin]
        inner: AnswerFuture<GuardedFuture<F, Watch>>,
    }
}

impl<F> BreakerFuture<F> {
    pub(crate) const fn inner(call: GuardedFuture<F, Watch>) -> Self {
        Self {
            inner: AnswerFuture::inner(call),
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
