use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};

/// A request body that goes back to its [`DrainLayer`](super::DrainLayer) when it is dropped before
/// its end.
///
/// Frames, trailers, errors and hints are those of the inner body.
pub struct DrainBody<B> {
    // None after the end.
    body: Option<B>,
    polled: bool,
    home: Option<Home<B>>,
}

/// Where an unfinished body goes, and where the future of its request finds it.
///
/// The two own it together, so whichever goes last drops what nobody came for.
pub(super) struct Home<B>(Arc<Mutex<Option<Unfinished<B>>>>);

/// A body that was dropped before its end.
pub(super) struct Unfinished<B> {
    pub(super) body: B,
    /// Whether anybody had asked it for a frame.
    pub(super) polled: bool,
}

impl<B> DrainBody<B> {
    /// A body that nobody waits for.
    pub(super) const fn stray(body: B) -> Self {
        Self { body: Some(body), polled: false, home: None }
    }

    /// A body, and where what is left of it will be.
    pub(super) fn homing(body: B) -> (Self, Home<B>) {
        let home = Home(Arc::default());
        let mut body = Self::stray(body);
        body.home = Some(Home(Arc::clone(&home.0)));
        (body, home)
    }
}

// Nothing of others runs under the lock, so no panic leaves it in a bad state.
impl<B> Home<B> {
    pub(super) fn take(&self) -> Option<Unfinished<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, unfinished: Unfinished<B>) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(unfinished);
    }
}

impl<B> Drop for DrainBody<B> {
    fn drop(&mut self) {
        if let (Some(body), Some(home)) = (self.body.take(), &self.home) {
            let polled = self.polled;
            home.put(Unfinished { body, polled });
        }
    }
}

/// The inner body has to move home when this is dropped, wherever that is: hence `Unpin`, which
/// the bodies of all hosts are.
impl<B: Body + Unpin> Body for DrainBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        this.polled = true;
        let polled = Pin::new(body).poll_frame(cx);
        // There is nothing to read after an end or an error.
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            this.body = None;
        }
        polled
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> fmt::Debug for DrainBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainBody")
            .field("ended", &self.body.is_none())
            .field("watched", &self.home.is_some())
            .finish_non_exhaustive()
    }
}
