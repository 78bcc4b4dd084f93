use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Ended, Expiry};
use crate::Principal;

pin_project! {
    /// A body that ends when the credentials of its reader do.
    pub struct ExpiryBody<R> {
        // None once it has ended early, so that what makes the stream is told at once.
        #[pin]
        inner: Option<R>,
        watch: Option<Watch>,
    }
}

struct Watch {
    expiry: Expiry,
    principal: Principal,
    is_grpc: bool,
    /// Made when the stream first waits, so that an answer that is all there costs nothing.
    ended: Option<Pin<Box<dyn Future<Output = Ended> + Send>>>,
    /// Kept, since a future is not asked again once it has answered.
    is_over: bool,
    has_begun: bool,
}

impl<R> ExpiryBody<R> {
    pub(super) fn around(
        response: Response<R>,
        watched: Option<(Expiry, Principal)>,
    ) -> Response<Self> {
        let kind = Stream::of(response.headers());
        let watch = watched.zip(kind).map(|((expiry, principal), kind)| Watch {
            expiry,
            principal,
            is_grpc: kind == Stream::Grpc,
            ended: None,
            is_over: false,
            has_begun: false,
        });
        response.map(|inner| Self { inner: Some(inner), watch })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Events,
    Grpc,
}

impl Stream {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| {
            let start = kind.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        if kind.eq_ignore_ascii_case("text/event-stream") {
            Some(Self::Events)
        } else if kind.eq_ignore_ascii_case("application/grpc") || is("application/grpc+") {
            Some(Self::Grpc)
        } else {
            None
        }
    }
}

impl Watch {
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_over {
            let ended =
                self.ended.get_or_insert_with(|| Box::pin(self.expiry.ended(&self.principal)));
            self.is_over = ended.as_mut().poll(cx).is_ready();
        }
        self.is_over
    }
}

impl<R: Body<Data = Bytes>> Body for ExpiryBody<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        // A stream that never waits is looked at before each frame but the first.
        if let Some(watch) = this.watch.as_mut().filter(|watch| watch.has_begun)
            && watch.is_over(cx)
        {
            let is_grpc = watch.is_grpc;
            this.inner.set(None);
            return Poll::Ready(is_grpc.then(|| Ok(Frame::trailers(unauthenticated()))));
        }
        let frame = inner.poll_frame(cx);
        if let Some(watch) = this.watch.as_mut() {
            let had_begun = std::mem::replace(&mut watch.has_begun, true);
            // From now on the end wakes the task, too.
            if frame.is_pending() && !had_begun && watch.is_over(cx) {
                cx.waker().wake_by_ref();
            }
        }
        // What has ended by itself does not end a second time.
        if let Poll::Ready(last) = &frame
            && !matches!(last, Some(Ok(frame)) if frame.is_data())
        {
            *this.watch = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) if self.watch.is_none() => inner.size_hint(),
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

fn unauthenticated() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    let status = HeaderName::from_static("grpc-status");
    trailers.insert(status, HeaderValue::from_static("16"));
    let message = HeaderName::from_static("grpc-message");
    trailers.insert(message, HeaderValue::from_static("the credentials have ended"));
    trailers
}

impl<R> fmt::Debug for ExpiryBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpiryBody").field("watched", &self.watch.is_some()).finish_non_exhaustive()
    }
}
