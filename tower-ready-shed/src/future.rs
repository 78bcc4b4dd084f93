use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::{GuardedBody, GuardedFuture};
use tower_service::Service;

use crate::{Bulkhead, admission::Refusal, permit::Slot, wait::Wait};

/// The body of an answer: the inner one, which holds its slot until it ends, or that of a refusal.
pub type ShedBody<B> = GuardedBody<B, Slot>;

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
        Decided { #[pin] future: GuardedFuture<F, Slot> },
        Waiting { waiting: W },
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
    // Inlined for certain, since a request is some two hundred bytes, which every call would move.
    #[inline(always)]
    pub(crate) fn call(service: &mut S, request: Request<Q>, slot: Slot) -> Self {
        Self { kind: Kind::Decided { future: GuardedFuture::call(service, request, slot) } }
    }

    #[cold]
    pub(crate) fn wait(bulkhead: Bulkhead, service: S, request: Request<Q>, wait: Wait) -> Self {
        let held = Box::new(Held { wait, bulkhead, service, request });
        Self { kind: Kind::Waiting { waiting: Waiting(Some(held)) } }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Decided { future: GuardedFuture::answer(response) } }
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
            let future = match kind.as_mut().project() {
                KindProj::Decided { future } => return future.poll(cx),
                KindProj::Waiting { waiting } => {
                    #[expect(clippy::expect_used, reason = "it is replaced when it is taken")]
                    let held = waiting.0.as_mut().expect("it waits");
                    let result = ready!(held.wait.poll(cx));
                    #[expect(clippy::expect_used, reason = "as above")]
                    let mut held = *waiting.0.take().expect("it waits");
                    match result {
                        Ok(permit) => {
                            let slot = Slot::of(permit);
                            GuardedFuture::call(&mut held.service, held.request, slot)
                        }
                        Err(reason) => {
                            let Wait { priority, member, .. } = held.wait;
                            let refusal = Refusal { reason, priority, member };
                            GuardedFuture::answer(held.bulkhead.0.refuse(&held.request, refusal))
                        }
                    }
                }
            };
            kind.set(Kind::Decided { future });
        }
    }
}

impl<S, Q> fmt::Debug for ShedFuture<S, Q>
where
    S: Service<Request<Q>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Decided { .. } => "ShedFuture::Decided(..)",
            Kind::Waiting { .. } => "ShedFuture::Waiting(..)",
        })
    }
}
