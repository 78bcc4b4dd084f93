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

use crate::{
    Bulkhead, ShedBody,
    admission::Refusal,
    permit::{Admitted, Slot},
    wait::Wait,
};

pin_project! {
    /// The future of a call to a [`ShedService`](crate::ShedService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ShedFuture<S, Q>
    where
        S: Service<Request<Q>>,
    {
        #[pin]
        kind: Kind<S::Future, Waiting<S, Q>>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, W> {
        Inner { #[pin] future: GuardedFuture<F, Slot> },
        Waiting { waiting: W },
        Answer { response: Option<Response<Bytes>> },
    }
}

/// A request in the queue. Boxed, since it has time.
struct Waiting<S, Q>(Option<Box<Held<S, Q>>>);

struct Held<S, Q> {
    wait: Wait,
    bulkhead: Bulkhead,
    service: S,
    request: Request<Q>,
}

impl<S, Q> ShedFuture<S, Q>
where
    S: Service<Request<Q>>,
{
    /// Who makes the call does that where the request is: it is some two hundred bytes, and would be
    /// moved once more for each function that it goes through.
    #[inline]
    pub(crate) fn call(future: S::Future, Admitted { method, slot }: Admitted) -> Self {
        Self { kind: Kind::Inner { future: GuardedFuture::new(&method, future, slot) } }
    }

    #[cold]
    pub(crate) fn wait(bulkhead: Bulkhead, service: S, request: Request<Q>, wait: Wait) -> Self {
        let held = Box::new(Held { wait, bulkhead, service, request });
        Self { kind: Kind::Waiting { waiting: Waiting(Some(held)) } }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }
}

impl<S, Q, B> Future for ShedFuture<S, Q>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: 'static,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ShedBody<B>>, S::Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut kind = self.as_mut().project().kind;
            let next = match kind.as_mut().project() {
                KindProj::Inner { future } => {
                    return future.poll(cx).map_ok(|response| response.map(ShedBody::inner));
                }
                KindProj::Answer { response } => {
                    let response = response.take();
                    #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                    let response = response.expect("`ShedFuture` polled after completion");
                    return Poll::Ready(Ok(response.map(ShedBody::full)));
                }
                KindProj::Waiting { waiting } => {
                    #[expect(clippy::expect_used, reason = "it is replaced when it is taken")]
                    let held = waiting.0.as_mut().expect("it waits");
                    let result = ready!(held.wait.poll(cx));
                    #[expect(clippy::expect_used, reason = "as above")]
                    let mut held = *waiting.0.take().expect("it waits");
                    match result {
                        Ok(permit) => {
                            let Admitted { method, slot } =
                                Admitted::of(&held.request, Slot::of(permit));
                            let future = held.service.call(held.request);
                            Kind::Inner { future: GuardedFuture::new(&method, future, slot) }
                        }
                        Err(reason) => {
                            let Wait { priority, member, .. } = held.wait;
                            let refusal = Refusal { reason, priority, member };
                            let response = held.bulkhead.0.refuse(&held.request, refusal);
                            Kind::Answer { response: Some(response) }
                        }
                    }
                }
            };
            kind.set(next);
        }
    }
}

impl<S, Q> fmt::Debug for ShedFuture<S, Q>
where
    S: Service<Request<Q>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Inner { .. } => "ShedFuture::Inner(..)",
            Kind::Waiting { .. } => "ShedFuture::Waiting(..)",
            Kind::Answer { .. } => "ShedFuture::Answer(..)",
        })
    }
}
