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
    /// the breaker hears of, or that of whoever answered in its place.
    pub struct BreakerBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Call { #[pin] body: GuardedBody<B, Watch> },
        Other { #[pin] body: AnswerBody<B> },
    }
}

impl<B> BreakerBody<B> {
    #[inline]
    pub(crate) const fn call(body: GuardedBody<B, Watch>) -> Self {
        Self { kind: Kind::Call { body } }
    }

    pub(crate) const fn other(body: B) -> Self {
        Self { kind: Kind::Other { body: AnswerBody::inner(body) } }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self { kind: Kind::Other { body: AnswerBody::full(bytes) } }
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
        match self.project().kind.project() {
            KindProj::Call { body } => body.poll_frame(cx),
            KindProj::Other { body } => body.poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Call { body } => body.is_end_stream(),
            Kind::Other { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Call { body } => body.size_hint(),
            Kind::Other { body } => body.size_hint(),
        }
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for BreakerBody<B> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B> fmt::Debug for BreakerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Call { .. } => "BreakerBody::Call(..)",
            Kind::Other { .. } => "BreakerBody::Other(..)",
        })
    }
}
