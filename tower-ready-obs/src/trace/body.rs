use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::GuardedBody;

use super::{exchange::Watched, scope::Scope};

pin_project! {
    /// A body that is read, and dropped, inside of the span of its request.
    pub struct TraceBody<B> {
        #[pin]
        inner: Inner<B>,
        scope: Scope,
    }

    impl<B> PinnedDrop for TraceBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !matches!(*this.inner, Inner::Over { .. }) {
                let _entered = this.scope.enter();
                this.inner.set(Inner::over(SizeHint::default()));
            }
        }
    }
}

pin_project! {
    #[project = InnerProjection]
    pub(super) enum Inner<B> {
        /// Nobody wants to know how it ends.
        Bare { #[pin] body: B },
        Watched { #[pin] body: GuardedBody<B, Box<Watched>> },
        /// It is dropped, and said this of its length.
        Over { left: SizeHint },
    }
}

impl<B> Inner<B> {
    const fn over(left: SizeHint) -> Self {
        Self::Over { left }
    }
}

impl<B> TraceBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    #[inline(always)]
    pub(super) const fn new(inner: Inner<B>, scope: Scope) -> Self {
        Self { inner, scope }
    }
}

impl<B> Body for TraceBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let entered = this.scope.enter();
        let polled = ready!(this.inner.as_mut().poll_frame(cx));
        let is_over = match &polled {
            Some(Ok(frame)) => frame.is_trailers() || this.inner.is_end_stream(),
            Some(Err(_)) | None => true,
        };
        if is_over {
            // The span ends here, not when the host gets round to dropping the body.
            let left = this.inner.size_hint();
            this.inner.set(Inner::over(left));
            drop(entered);
            *this.scope = Scope::default();
        }
        Poll::Ready(polled)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Body for Inner<B>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project() {
            InnerProjection::Bare { body } => body.poll_frame(cx),
            InnerProjection::Watched { body } => body.poll_frame(cx),
            InnerProjection::Over { .. } => Poll::Ready(None),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bare { body } => body.is_end_stream(),
            Self::Watched { body } => body.is_end_stream(),
            Self::Over { .. } => true,
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bare { body } => body.size_hint(),
            Self::Watched { body } => body.size_hint(),
            Self::Over { left } => *left,
        }
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for TraceBody<B> {
    fn default() -> Self {
        Self { inner: Inner::over(SizeHint::with_exact(0)), scope: Scope::default() }
    }
}

impl<B> fmt::Debug for TraceBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = matches!(self.inner, Inner::Over { .. });
        f.debug_struct("TraceBody").field("over", &is_over).finish_non_exhaustive()
    }
}
