use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::GuardedFuture;
use tower_service::Service;

use crate::{ShutdownBody, flight::Flight};

pin_project! {
    /// The future of a call to a [`ShutdownService`](crate::ShutdownService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ShutdownFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        Inner { #[pin] future: GuardedFuture<F, Flight> },
        Answer { response: Option<Response<Bytes>> },
    }
}

impl<F> ShutdownFuture<F> {
    // Inlined for certain, since a request is some two hundred bytes, which a call would move.
    #[inline(always)]
    pub(crate) fn call<S, Q>(service: &mut S, request: Request<Q>, flight: Flight) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        Self { kind: Kind::Inner { future: GuardedFuture::call(service, request, flight) } }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }
}

impl<F, B, E> Future for ShutdownFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    E: 'static,
{
    type Output = Result<Response<ShutdownBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().kind.project() {
            KindProj::Inner { future } => {
                ready!(future.poll(cx)).map(|response| response.map(ShutdownBody::inner))
            }
            KindProj::Answer { response } => {
                let response = response.take();
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                let response = response.expect("`ShutdownFuture` polled after completion");
                Ok(response.map(ShutdownBody::full))
            }
        })
    }
}

impl<F> fmt::Debug for ShutdownFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Inner { .. } => "ShutdownFuture::Inner(..)",
            Kind::Answer { .. } => "ShutdownFuture::Answer(..)",
        })
    }
}
