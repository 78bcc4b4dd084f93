use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::{GuardedBody, GuardedFuture};
use tower_service::Service;

use super::{current::Scope, exchange::Exchange};

pin_project! {
    /// The future of a [`TraceService`](crate::TraceService) or a
    /// [`ClientTraceService`](crate::ClientTraceService).
    ///
    /// The inner future is polled and dropped inside of the span, so that what it logs when it is given
    /// up shows the ids as well.
    #[must_use = "futures do nothing unless polled"]
    pub struct TraceFuture<F> {
        #[pin]
        inner: Option<GuardedFuture<F, Exchange>>,
        scope: Scope,
    }

    impl<F> PinnedDrop for TraceFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                let _entered = this.scope.enter();
                this.inner.set(None);
            }
        }
    }
}

pin_project! {
    /// A body that is read, and dropped, inside of the span of its request.
    pub struct TraceBody<B> {
        #[pin]
        inner: Option<GuardedBody<B, Exchange>>,
        scope: Scope,
        // What the inner body said of its length when it was over and dropped.
        left: SizeHint,
    }

    impl<B> PinnedDrop for TraceBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                let _entered = this.scope.enter();
                this.inner.set(None);
            }
        }
    }
}

impl<F> TraceFuture<F> {
    /// Calls the inner service, inside of the span.
    // Inlined for certain, since a request is some two hundred bytes, which every call would move.
    #[inline(always)]
    pub(super) fn call<S, Q>(
        service: &mut S,
        request: Request<Q>,
        mut scope: Scope,
        exchange: Exchange,
    ) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let entered = scope.enter();
        let inner = Some(GuardedFuture::call(service, request, exchange));
        drop(entered);
        Self { inner, scope }
    }
}

impl<F, B, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Error: 'static,
    E: 'static,
{
    type Output = Result<Response<TraceBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let entered = this.scope.enter();
        #[expect(clippy::expect_used, reason = "the contract of `Future`")]
        let inner =
            this.inner.as_mut().as_pin_mut().expect("`TraceFuture` polled after completion");
        let answer = ready!(inner.poll(cx));
        this.inner.set(None);
        drop(entered);
        let scope = mem::take(this.scope);
        Poll::Ready(answer.map(|response| {
            response.map(|body| {
                // A body that is over has nothing more to say in the span.
                let scope = if body.is_end_stream() { Scope::default() } else { scope };
                TraceBody { inner: Some(body), scope, left: SizeHint::default() }
            })
        }))
    }
}

impl<B> Body for TraceBody<B>
where
    B: Body,
    B::Error: 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let entered = this.scope.enter();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let polled = ready!(inner.as_mut().poll_frame(cx));
        let is_over = match &polled {
            Some(Ok(frame)) => frame.is_trailers() || inner.is_end_stream(),
            Some(Err(_)) | None => true,
        };
        if is_over {
            *this.left = inner.size_hint();
            this.inner.set(None);
            drop(entered);
            // The span ends here, not when the host gets round to dropping the body.
            *this.scope = Scope::default();
        }
        Poll::Ready(polled)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| Clone::clone(&self.left), Body::size_hint)
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for TraceBody<B> {
    fn default() -> Self {
        Self { inner: None, scope: Scope::default(), left: SizeHint::with_exact(0) }
    }
}

impl<F> fmt::Debug for TraceFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceFuture").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for TraceBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}
