use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerBody, GuardedBody};

use crate::{
    after::Ending,
    store::{MemoryStore, Store},
};

pin_project! {
    /// The body of a limited service's answer: the inner one, which holds permits and reservations
    /// until it ends, or that of a refusal.
    pub struct RateLimitBody<B, St = MemoryStore>
    where
        St: Store,
    {
        #[pin]
        body: AnswerBody<GuardedBody<B, Ending<St>>>,
    }
}

impl<B, St: Store> RateLimitBody<B, St> {
    pub(crate) const fn inner(body: GuardedBody<B, Ending<St>>) -> Self {
        Self {
            body: AnswerBody::inner(body),
        }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self {
            body: AnswerBody::full(bytes),
        }
    }
}

impl<B, St> Body for RateLimitBody<B, St>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
    St: Store,
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
impl<B, St: Store> Default for RateLimitBody<B, St> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B, St: Store> fmt::Debug for RateLimitBody<B, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitBody").field(&self.body).finish()
    }
}
