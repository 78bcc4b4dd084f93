use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::{Deadline, GuardedFuture};
use tower_service::Service;

use crate::{BreakerBody, Permit, guard::Watch};

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
    /// Makes a call, and watches it to its end.
    #[inline]
    pub(crate) fn call<S, Q>(inner: &mut S, request: Request<Q>, permit: Permit) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let deadline = Deadline::of(request.extensions());
        let method = request.method().clone();
        let call = inner.call(request);
        Self {
            kind: Kind::Call {
                call: GuardedFuture::new(&method, call, Watch::new(permit, deadline)),
            },
        }
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
        Poll::Ready(match self.project().kind.project() {
            KindProj::Call { call } => {
                ready!(call.poll(cx)).map(|response| response.map(BreakerBody::call))
            }
            KindProj::Answer { response } => {
                let response = response.take();
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                let response = response.expect("`BreakerFuture` polled after completion");
                Ok(response.map(BreakerBody::full))
            }
        })
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
