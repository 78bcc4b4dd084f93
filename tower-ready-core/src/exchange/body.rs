use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{End, Guard, guard::Armed};

pin_project! {
    /// A body that tells its guard how it ends, exactly once; or bytes that a layer puts in its
    /// place.
    ///
    /// - A body that is over from the start ends with the head: hosts never poll it.
    /// - So does one that is over after a frame: hosts need not ask for the end that they know of.
    /// - A body dropped when all of its promised length has passed is complete, but for HTTP/2 and
    ///   later, where hosts read to the end.
    pub struct GuardedBody<B, G>
    where
        G: Guard,
    {
        #[pin]
        kind: Kind<B, G>,
    }
}

// Flat, as core's `AnswerBody` within would be one more value to move and one more match.
pin_project! {
    #[project = KindProj]
    enum Kind<B, G>
    where
        G: Guard,
    {
        Inner {
            #[pin]
            body: B,
            guard: Armed<G>,
        },
        Full { bytes: Option<Bytes> },
    }
}

impl<B, G: Guard> GuardedBody<B, G> {
    #[inline]
    pub(super) const fn watched(body: B, guard: Armed<G>) -> Self {
        Self { kind: Kind::Inner { body, guard } }
    }

    /// A body whose end nobody waits for.
    #[inline]
    pub const fn unwatched(body: B) -> Self {
        Self::watched(body, Armed::none())
    }

    /// A whole body of a layer's own.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        // An empty body has no frame at all, so that hosts can end the stream with the head.
        Self { kind: Kind::Full { bytes: (!bytes.is_empty()).then_some(bytes) } }
    }
}

impl<B, G> Body for GuardedBody<B, G>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
    G: Guard,
{
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let (mut body, guard) = match self.project().kind.project() {
            KindProj::Inner { body, guard } => (body, guard),
            KindProj::Full { bytes } => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
        };
        let polled = ready!(guard.poll(|| body.as_mut().poll_frame(cx)));
        match &polled {
            None => guard.end(End::Complete),
            Some(Err(error)) => guard.end(End::Error(error)),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    if let Some(guard) = guard.as_mut() {
                        guard.data(data);
                    }
                    guard.left = guard.left.saturating_sub(data.len() as u64);
                    if body.is_end_stream() {
                        guard.end(End::Complete);
                    } else if body.size_hint().exact() == Some(0) {
                        // Trailers may still follow, so this is an end only if nobody asks for them.
                        guard.left = 0;
                    }
                } else if let Some(trailers) = frame.trailers_ref() {
                    guard.end(End::Trailers(trailers));
                }
            }
        }
        Poll::Ready(polled)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Full { bytes } => bytes.is_none(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Full { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B, G: Guard> Default for GuardedBody<B, G> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B, G: Guard> fmt::Debug for GuardedBody<B, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Inner { guard, .. } => f
                .debug_struct("GuardedBody::Inner")
                .field("over", &guard.is_over())
                .finish_non_exhaustive(),
            Kind::Full { bytes } => f.debug_tuple("GuardedBody::Full").field(bytes).finish(),
        }
    }
}
