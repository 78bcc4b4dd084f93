use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerBody, GuardedBody};

use crate::flight::Flight;

pin_project! {
    /// The body of an answer: the inner one, which is in flight until it ends, or that of a
    /// rejection.
    pub struct ShutdownBody<B> {
        #[pin]
        body: AnswerBody<GuardedBody<B, Flight>>,
    }
}

impl<B> ShutdownBody<B> {
    pub(crate) const fn inner(body: GuardedBody<B, Flight>) -> Self {
        Self { body: AnswerBody::inner(body) }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self { body: AnswerBody::full(bytes) }
    }
}

impl<B> Body for ShutdownBody<B>
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
        self.project().body.poll_frame(cx)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for ShutdownBody<B> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B> fmt::Debug for ShutdownBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShutdownBody").field(&self.body).finish()
    }
}
