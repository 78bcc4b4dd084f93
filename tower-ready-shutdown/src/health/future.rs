use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{HealthBody, ProbeBody, grpc::GrpcFuture};

pin_project! {
    /// The answer of the inner service, or of health's own.
    #[must_use = "futures do nothing unless polled"]
    pub struct HealthFuture<F, Q> {
        #[pin]
        kind: Kind<F, Q>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, Q> {
        Inner { #[pin] future: F },
        Probe { response: Option<Response<ProbeBody>> },
        Grpc { #[pin] future: GrpcFuture<Q> },
    }
}

impl<F, Q> HealthFuture<F, Q> {
    #[inline]
    pub(super) const fn inner(future: F) -> Self {
        Self { kind: Kind::Inner { future } }
    }

    pub(super) const fn probe(response: Response<ProbeBody>) -> Self {
        Self { kind: Kind::Probe { response: Some(response) } }
    }

    pub(super) const fn grpc(future: GrpcFuture<Q>) -> Self {
        Self { kind: Kind::Grpc { future } }
    }
}

impl<F, Q, B, E> Future for HealthFuture<F, Q>
where
    F: Future<Output = Result<Response<B>, E>>,
    Q: Body<Data: Buf>,
{
    type Output = Result<Response<HealthBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.project().kind.project() {
            KindProj::Inner { future } => {
                return Poll::Ready(ready!(future.poll(cx)).map(|r| r.map(HealthBody::inner)));
            }
            KindProj::Probe { response } => {
                let response = response.take();
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                response.expect("`HealthFuture` polled after completion")
            }
            KindProj::Grpc { future } => match ready!(future.poll(cx)) {
                Ok(response) => response,
                Err(never) => match never {},
            },
        };
        Poll::Ready(Ok(response.map(HealthBody::probe)))
    }
}

impl<F, Q> fmt::Debug for HealthFuture<F, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Inner { .. } => "HealthFuture::Inner(..)",
            Kind::Probe { .. } => "HealthFuture::Probe(..)",
            Kind::Grpc { .. } => "HealthFuture::Grpc(..)",
        })
    }
}
