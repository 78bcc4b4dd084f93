use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::LocalRejection;
use tower_service::Service;

use crate::{BreakerBody, BreakerFuture, Rejected, guard::Watch};

pin_project! {
    /// The future of a [`FallbackService`](crate::FallbackService).
    #[must_use = "futures do nothing unless polled"]
    pub struct FallbackFuture<I, F, Q>
    where
        F: Service<Request<Q>>,
    {
        #[pin]
        kind: Kind<I, F, F::Future, Q>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<I, F, G, Q> {
        Call { #[pin] call: BreakerFuture<I> },
        // Boxed, since it is for bad times.
        Asks { asked: Option<Box<(F, Request<Q>)>>, mark: LocalRejection },
        Answers { #[pin] answer: G, mark: LocalRejection },
    }
}

impl<I, F, Q> FallbackFuture<I, F, Q>
where
    F: Service<Request<Q>>,
{
    // Inlined for certain, since a request is some two hundred bytes, which every call would move.
    #[inline(always)]
    pub(super) fn call<S>(service: &mut S, request: Request<Q>, watch: Watch) -> Self
    where
        S: Service<Request<Q>, Future = I>,
    {
        Self { kind: Kind::Call { call: BreakerFuture::call(service, request, watch) } }
    }

    #[cold]
    pub(super) fn fall_back(fallback: &F, mut request: Request<Q>, rejected: Rejected) -> Self
    where
        F: Clone,
    {
        let mark = rejected.mark();
        request.extensions_mut().insert(rejected);
        Self { kind: Kind::Asks { asked: Some(Box::new((fallback.clone(), request))), mark } }
    }
}

impl<I, F, Q, B, E> Future for FallbackFuture<I, F, Q>
where
    I: Future<Output = Result<Response<B>, E>>,
    F: Service<Request<Q>, Response = Response<B>, Error = E>,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<BreakerBody<B>>, E>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut kind = self.as_mut().project().kind;
            let next = match kind.as_mut().project() {
                KindProj::Call { call } => return call.poll(cx),
                KindProj::Asks { asked, mark } => {
                    #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                    let (fallback, _) =
                        &mut **asked.as_mut().expect("`FallbackFuture` polled after completion");
                    ready!(fallback.poll_ready(cx))?;
                    #[expect(clippy::expect_used, reason = "it was there a line before")]
                    let (mut fallback, request) = *asked.take().expect("it is asked once");
                    Kind::Answers { answer: fallback.call(request), mark: *mark }
                }
                KindProj::Answers { answer, mark } => {
                    let mut response = ready!(answer.poll(cx))?;
                    response.extensions_mut().insert(*mark);
                    return Poll::Ready(Ok(response.map(BreakerBody::unwatched)));
                }
            };
            kind.set(next);
        }
    }
}

impl<I, F, Q> fmt::Debug for FallbackFuture<I, F, Q>
where
    F: Service<Request<Q>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Call { .. } => "FallbackFuture::Call(..)",
            Kind::Asks { .. } | Kind::Answers { .. } => "FallbackFuture::Fallback(..)",
        })
    }
}
