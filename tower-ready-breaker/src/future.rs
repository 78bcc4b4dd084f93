use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::GuardedFuture;

use crate::{
    BreakerBody,
    guard::{Admitted, Watch},
};

pin_project! {
    /// The future of a [`BreakerService`](crate::BreakerService).
    #[must_use = "futures do nothing unless polled"]
    pub struct BreakerFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

// As core's `AnswerFuture`, but an answer is moved into its final type once, not twice.
pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        Call { #[pin] call: GuardedFuture<F, Watch> },
        Answer { response: Option<Response<Bytes>> },
    }
}

impl<F> BreakerFuture<F> {
    /// Watches a call to its end.
    ///
    /// Who makes the call does that where the request is: it is some two hundred bytes, and would be
    /// moved once more for each function that it goes through.
    #[inline]
    pub(crate) fn call(call: F, Admitted { method, watch }: Admitted) -> Self {
        Self { kind: Kind::Call { call: GuardedFuture::new(&method, call, watch) } }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }
}

impl<F, B, E> Future for BreakerFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<BreakerBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Call { call } => {
                call.poll(cx).map_ok(|response| response.map(BreakerBody::call))
            }
            KindProj::Answer { response } => {
                let response = response.take();
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                let response = response.expect("`BreakerFuture` polled after completion");
                Poll::Ready(Ok(response.map(BreakerBody::full)))
            }
        }
    }
}

impl<F> fmt::Debug for BreakerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Call { .. } => "BreakerFuture::Call(..)",
            Kind::Answer { .. } => "BreakerFuture::Answer(..)",
        })
    }
}
