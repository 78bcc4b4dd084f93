use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerBody, GuardedBody};

use crate::after::Ending;

pin_project! {
    /// The body of a limited service's answer: the inner one, or that of a refusal.
    ///
    /// It holds permits and reservations until it ends, where a policy has such.
    pub struct RateLimitBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Plain { #[pin] body: AnswerBody<B> },
        Watched { #[pin] body: GuardedBody<B, Ending> },
    }
}

impl<B> RateLimitBody<B> {
    pub(crate) const fn inner(body: B) -> Self {
        Self { kind: Kind::Plain { body: AnswerBody::inner(body) } }
    }

    pub(crate) const fn watched(body: GuardedBody<B, Ending>) -> Self {
        Self { kind: Kind::Watched { body } }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self { kind: Kind::Plain { body: AnswerBody::full(bytes) } }
    }
}

impl<B> Body for RateLimitBody<B>
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
            KindProj::Plain { body } => body.poll_frame(cx),
            KindProj::Watched { body } => body.poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Plain { body } => body.is_end_stream(),
            Kind::Watched { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Plain { body } => body.size_hint(),
            Kind::Watched { body } => body.size_hint(),
        }
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for RateLimitBody<B> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B> fmt::Debug for RateLimitBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = f.debug_tuple("RateLimitBody");
        match &self.kind {
            Kind::Plain { body: inner } => body.field(inner),
            Kind::Watched { body: inner } => body.field(inner),
        };
        body.finish()
    }
}
