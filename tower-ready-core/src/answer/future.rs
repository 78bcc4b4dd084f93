use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use super::AnswerBody;

pin_project! {
    /// The future of a layer that may answer in place of the inner service.
    #[must_use = "futures do nothing unless polled"]
    pub struct AnswerFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        Inner { #[pin] future: F },
        Answer { response: Option<Response<Bytes>> },
    }
}

impl<F> AnswerFuture<F> {
    /// Waits for the inner service.
    pub const fn inner(future: F) -> Self {
        Self { kind: Kind::Inner { future } }
    }

    /// Answers at once.
    pub const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }
}

impl<F, B, E> Future for AnswerFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<AnswerBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().kind.project() {
            KindProj::Inner { future } => {
                ready!(future.poll(cx)).map(|response| response.map(AnswerBody::inner))
            }
            KindProj::Answer { response } => {
                let response = response.take();
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                let response = response.expect("`AnswerFuture` polled after completion");
                Ok(response.map(AnswerBody::full))
            }
        })
    }
}

impl<F> fmt::Debug for AnswerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Inner { .. } => "AnswerFuture::Inner(..)",
            Kind::Answer { .. } => "AnswerFuture::Answer(..)",
        })
    }
}
