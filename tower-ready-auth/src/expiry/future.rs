use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{Expiry, ExpiryBody};
use crate::Principal;

pin_project! {
    /// The future of an [`ExpiryService`](super::ExpiryService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ExpiryFuture<F> {
        #[pin]
        inner: F,
        watched: Option<(Expiry, Principal)>,
    }
}

impl<F> ExpiryFuture<F> {
    pub(super) const fn new(inner: F, watched: Option<(Expiry, Principal)>) -> Self {
        Self { inner, watched }
    }
}

impl<F, R, E> Future for ExpiryFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ExpiryBody<R>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(ExpiryBody::around(response, this.watched.take())))
    }
}

impl<F> fmt::Debug for ExpiryFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpiryFuture(..)")
    }
}
