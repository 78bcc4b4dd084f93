use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerBody, GuardedBody};

use crate::guard::Watch;

pin_project! {
    /// The body of a [`BreakerService`](crate::BreakerService)'s answer: the inner one, whose end
    /// the breaker hears of, or that of a rejection.
    pub struct BreakerBody<B> {
        #[pin]
        inner: AnswerBody<GuardedBody<B, Watch>>,
    }
}

impl<B> BreakerBody<B> {
    pub(crate) const fn new(inner: AnswerBody<GuardedBody<B, Watch>>) -> Self {
        Self { inner }
    }
}

impl<B> Body for BreakerBody<B>
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
        self.project().inner.poll_frame(cx)
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

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for BreakerBody<B> {
    fn default() -> Self {
        Self::new(AnswerBody::default())
    }
}

impl<B> fmt::Debug for BreakerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BreakerBody").field(&self.inner).finish()
    }
}
