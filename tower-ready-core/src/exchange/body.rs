use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{End, Guard, guard::Armed};

pin_project! {
    /// A body that tells its guard how it ends, exactly once.
    ///
    /// - A body that is over from the start ends with the head: hosts never poll it.
    /// - So does one that is over after a frame: hosts need not ask for the end that they know of.
    /// - A body dropped when all of its promised length has passed is complete.
    pub struct GuardedBody<B, G>
    where
        G: Guard,
    {
        #[pin]
        inner: B,
        guard: Armed<G>,
        // What the head promised, where the body itself does not know its length.
        promised: Option<u64>,
    }
}

impl<B, G: Guard> GuardedBody<B, G> {
    #[inline]
    pub(super) const fn new(inner: B, guard: Armed<G>, promised: Option<u64>) -> Self {
        Self { inner, guard, promised }
    }
}

impl<B, G> Body for GuardedBody<B, G>
where
    B: Body,
    B::Error: 'static,
    G: Guard,
{
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let mut inner = this.inner.as_mut();
        let polled = ready!(this.guard.poll(|| inner.as_mut().poll_frame(cx)));
        match &polled {
            None => this.guard.end(End::Complete),
            Some(Err(error)) => this.guard.end(End::Error(error)),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let bytes = data.remaining();
                    if let Some(guard) = this.guard.as_mut() {
                        guard.data(bytes);
                    }
                    if let Some(promised) = this.promised {
                        *promised = promised.saturating_sub(bytes as u64);
                    }
                    if inner.is_end_stream() {
                        this.guard.end(End::Complete);
                    } else {
                        // Trailers may still follow, so this is an end only if nobody asks for them.
                        this.guard.complete =
                            *this.promised == Some(0) || inner.size_hint().exact() == Some(0);
                    }
                } else if let Some(trailers) = frame.trailers_ref() {
                    this.guard.end(End::Trailers(trailers));
                }
            }
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

impl<B, G: Guard> fmt::Debug for GuardedBody<B, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedBody").field("over", &self.guard.is_over()).finish_non_exhaustive()
    }
}
