use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::stall::Stall;
use crate::{Expired, Reason, timer::Timer};

type BoxError = Box<dyn Error + Send + Sync>;

pin_project! {
    /// The body of a request that must not stall: see [`UploadLayer`](crate::UploadLayer).
    pub struct UploadBody<B> {
        // None when it has stalled.
        #[pin]
        inner: Option<B>,
        stall: Option<Arc<Stall>>,
        // Boxed when somebody has to wait for more.
        timer: Option<Pin<Box<Timer>>>,
        is_waiting: bool,
    }
}

impl<B> UploadBody<B> {
    pub(super) const fn new(inner: B, stall: Option<Arc<Stall>>) -> Self {
        Self { inner: Some(inner), stall, timer: None, is_waiting: false }
    }
}

impl<B> Body for UploadBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        // What is there is taken, however late: who reads slowly does not stall.
        if let Poll::Ready(frame) = inner.poll_frame(cx) {
            *this.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(stall) = this.stall else {
            return Poll::Pending;
        };
        let timer = this.timer.get_or_insert_with(|| Box::pin(Timer::unset()));
        if !std::mem::replace(this.is_waiting, true) {
            timer.as_mut().set(stall.policy.upload_idle);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        stall.note();
        this.inner.set(None);
        Poll::Ready(Some(Err(Expired::new(Reason::Idle).into())))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> fmt::Debug for UploadBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadBody")
            .field("has_stalled", &self.inner.is_none())
            .finish_non_exhaustive()
    }
}
