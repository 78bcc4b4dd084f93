use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

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

    /// Calls the service, and watches it from then on: a panic in `call` is an end too.
    // Inlined for certain, since a request is some two hundred bytes, which every call would move.
    #[inline(always)]
    pub fn call<S, Q>(service: &mut S, request: Request<Q>, guard: G) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let head_only = request.method() == Method::HEAD;
        let guard = Armed::new(guard);
        Self { inner: service.call(request), guard, head_only }
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
        let mut polled = this.guard.poll(|| inner.poll(cx));
        // The answer is looked at where it is and moved once: it is some two hundred bytes.
        let promised = match &mut polled {
            Poll::Pending => {
                if let Some(guard) = this.guard.as_mut() {
                    guard.pending();
                }
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => {
                this.guard.end(End::Error(error));
                None
            }
            Poll::Ready(Ok(response)) => {
                if let Some(guard) = this.guard.as_mut() {
                    guard.head(response);
                }
                if *this.head_only
                    || has_no_body(response.status())
                    || response.body().is_end_stream()
                {
                    this.guard.end(End::Complete);
                    None
                } else {
                    promised(response)
                }
            }
        };
        let guard = this.guard.take();
        polled.map_ok(|response| response.map(|body| GuardedBody::new(body, guard, promised)))
    }
}

/// What the head promises of a body which does not know its length itself.
#[inline]
fn promised<B: Body>(response: &Response<B>) -> Option<u64> {
    match response.body().size_hint().exact() {
        Some(_) => None,
        None => response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok(),
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
