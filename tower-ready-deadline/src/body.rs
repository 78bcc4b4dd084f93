use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerBody, lookup};

use crate::{Expired, Reason, messages::Messages, timer::Timer, watch::Watch};

type BoxError = Box<dyn Error + Send + Sync>;

pin_project! {
    /// The body of an answer with a deadline.
    ///
    /// When its time is up, a gRPC stream ends with the trailers of `DEADLINE_EXCEEDED`, and
    /// gRPC-Web and Connect streams with theirs, unless they are in the middle of a message. Any
    /// other body breaks off with [`Expired`], so that it never looks whole: that is why the error
    /// is boxed, as every host takes it.
    pub struct DeadlineBody<B> {
        // None when it was cut.
        #[pin]
        inner: Option<AnswerBody<B>>,
        // Boxed when somebody has to wait for more, since every layer outside moves the body.
        timer: Option<Pin<Box<Timer>>>,
        // None for a body without a limit, and for one that is over.
        watch: Option<Watch>,
        progress: Progress,
        is_open: bool,
        messages: Messages,
    }
}

/// How far a body has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nobody has asked for anything yet.
    None,
    /// A frame came, and the timer does not know of it yet.
    Moved,
    /// Nothing came since the timer was set, which rings for this.
    Waiting(Reason),
}

impl<B> DeadlineBody<B> {
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::unwatched(AnswerBody::full(bytes))
    }

    const fn unwatched(inner: AnswerBody<B>) -> Self {
        Self {
            inner: Some(inner),
            timer: None,
            watch: None,
            progress: Progress::None,
            is_open: false,
            messages: Messages::new(),
        }
    }
}

impl<B: Body> DeadlineBody<B> {
    #[inline]
    pub(crate) fn of(response: Response<B>, watch: &mut Option<Watch>) -> Response<Self> {
        if !watch.as_ref().is_some_and(Watch::needs_body) {
            return response.map(|body| Self::unwatched(AnswerBody::inner(body)));
        }
        let is_open = watch.as_ref().is_some_and(Watch::ends_in_body) && is_open(&response);
        response.map(|body| Self {
            is_open,
            watch: watch.take().map(Watch::into_body),
            ..Self::unwatched(AnswerBody::inner(body))
        })
    }
}

/// Whether the body may go on with something else: nobody has said how long it is.
fn is_open<B: Body>(response: &Response<B>) -> bool {
    lookup(response.headers(), &CONTENT_LENGTH).is_none()
        && response.body().size_hint().exact().is_none()
}

impl<B> Body for DeadlineBody<B>
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
        let Some(watch) = this.watch else {
            return inner.poll_frame(cx).map_err(Into::into);
        };
        // A body that has always more to send never waits, and must end all the same.
        let reason = if *this.progress == Progress::Moved && watch.is_over() {
            Reason::Deadline
        } else {
            let entered = watch.enter();
            let polled = inner.poll_frame(cx);
            drop(entered);
            match polled {
                Poll::Ready(Some(Ok(frame))) => {
                    *this.progress = Progress::Moved;
                    if let (true, Some(data)) = (watch.frames_messages(), frame.data_ref()) {
                        this.messages.pass(data);
                    }
                    if frame.is_trailers() {
                        *this.watch = None;
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(end) => {
                    *this.watch = None;
                    return Poll::Ready(end.map(|result| result.map_err(Into::into)));
                }
                Poll::Pending => {}
            }
            let timer = this.timer.get_or_insert_with(|| Box::pin(Timer::unset()));
            let reason = match *this.progress {
                // What it rings for is known when it is set: by another clock it may be early.
                Progress::Waiting(reason) => reason,
                Progress::None | Progress::Moved => {
                    let left = watch.left().map(|left| (left, Reason::Deadline));
                    let idle = watch.ledger.bodies.idle.map(|idle| (idle, Reason::Idle));
                    let first = left.into_iter().chain(idle).min_by_key(|it| it.0);
                    let Some((after, reason)) = first else {
                        return Poll::Pending;
                    };
                    timer.as_mut().set(after);
                    *this.progress = Progress::Waiting(reason);
                    reason
                }
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            reason
        };
        let end = watch.cut(reason, *this.is_open && this.messages.is_between());
        *this.watch = None;
        // The work ends with this, whether or not anybody asks for more.
        this.inner.set(None);
        Poll::Ready(Some(end.ok_or_else(|| Expired::new(reason).into())))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) => inner.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for DeadlineBody<B> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B> fmt::Debug for DeadlineBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineBody")
            .field("inner", &self.inner)
            .field("watched", &self.watch.is_some())
            .finish_non_exhaustive()
    }
}
