use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use tower_ready_core::AnswerBody;
use tower_ready_problem::{Caller, Problem, ProblemType, grpc::Code};

use super::stall::Stall;

/// 408 (RFC 9110 §15.5.9) and `DEADLINE_EXCEEDED`: it was the caller that took too long.
pub static UPLOAD_STALLED: ProblemType = ProblemType::new(
    "upload-stalled",
    StatusCode::REQUEST_TIMEOUT,
    "The request took too long to arrive",
)
.code(Code::DeadlineExceeded)
.docs("Nothing came of the request's body for a while. Send it again on a connection that moves.");

pin_project! {
    /// The future of an [`UploadService`](crate::UploadService).
    #[must_use = "futures do nothing unless polled"]
    pub struct UploadFuture<F> {
        #[pin]
        inner: F,
        watched: Option<(Caller, Arc<Stall>)>,
    }
}

impl<F> UploadFuture<F> {
    #[inline]
    pub(super) const fn new(inner: F, watched: Option<(Caller, Arc<Stall>)>) -> Self {
        Self { inner, watched }
    }
}

impl<F, B, E> Future for UploadFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<AnswerBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        Poll::Ready(match this.watched {
            // Whatever the handler made of it, the caller is to hear what it was.
            Some((caller, stall)) if stall.has_stalled() => {
                Ok(Problem::new(&UPLOAD_STALLED).answer(caller).map(AnswerBody::full))
            }
            _ => answer.map(|response| response.map(AnswerBody::inner)),
        })
    }
}

impl<F> fmt::Debug for UploadFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadFuture")
            .field("watched", &self.watched.is_some())
            .finish_non_exhaustive()
    }
}
