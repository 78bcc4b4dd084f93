use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Method, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{End, Guard, GuardedBody, guard::Armed};

pin_project! {
    /// A future whose exchange is watched to its end.
    #[must_use = "futures do nothing unless polled"]
    pub struct GuardedFuture<F, G>
    where
        G: Guard,
    {
        #[pin]
        inner: F,
        guard: Armed<G>,
        head_only: bool,
    }
}

impl<F, G: Guard> GuardedFuture<F, G> {
    /// Watches the answer to a request with this method.
    ///
    /// The method matters because a host drops the body of an answer to `HEAD` without a look at
    /// it, and that is no exchange cut short.
    #[inline]
    pub fn new(method: &Method, inner: F, guard: G) -> Self {
        Self { inner, guard: Armed::new(guard), head_only: method == Method::HEAD }
    }
}

impl<F, G, B, E> Future for GuardedFuture<F, G>
where
    F: Future<Output = Result<Response<B>, E>>,
    G: Guard,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<GuardedBody<B, G>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        let Poll::Ready(answer) = this.guard.poll(|| inner.poll(cx)) else {
            if let Some(guard) = this.guard.as_mut() {
                guard.pending();
            }
            return Poll::Pending;
        };
        match answer {
            Ok(mut response) => {
                if let Some(guard) = this.guard.as_mut() {
                    guard.head(&mut response);
                }
                let guard = this.guard.take();
                let head_only = *this.head_only || has_no_body(response.status());
                let (parts, body) = response.into_parts();
                let body = GuardedBody::new(&parts.headers, body, guard, head_only);
                Poll::Ready(Ok(Response::from_parts(parts, body)))
            }
            Err(error) => {
                this.guard.end(End::Error(&error));
                Poll::Ready(Err(error))
            }
        }
    }
}

/// RFC 9110 §6.4.1: these answers end with their head.
#[inline]
fn has_no_body(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

impl<F, G: Guard> fmt::Debug for GuardedFuture<F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedFuture").field("over", &self.guard.is_over()).finish_non_exhaustive()
    }
}
