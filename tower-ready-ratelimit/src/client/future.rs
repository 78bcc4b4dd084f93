use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_problem::Caller;
use tower_service::Service;

use super::{Pace, refusal};
use crate::{KeyHash, RateLimitBody};

pin_project! {
    /// The answer to a paced call.
    #[must_use = "futures do nothing unless polled"]
    pub struct PaceFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        kind: Kind<S::Future, Waiting<S, B>>,
        pace: Pace,
        key: KeyHash,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, W> {
        Inner { #[pin] future: F },
        Answer { response: Option<Response<Bytes>> },
        Waiting { waiting: W },
    }
}

/// A call that waits for its turn. Boxed: it has time.
struct Waiting<S, B>(Option<Box<Held<S, B>>>);

struct Held<S, B> {
    service: S,
    request: Request<B>,
    turn: TurnFuture,
}

/// Comes with a turn, or with the time that it would take.
type TurnFuture = Pin<Box<dyn Future<Output = Result<(), Duration>> + Send>>;

impl<S, B> PaceFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) const fn inner(future: S::Future, pace: Pace, key: KeyHash) -> Self {
        Self { kind: Kind::Inner { future }, pace, key }
    }

    pub(super) const fn answer(response: Response<Bytes>, pace: Pace, key: KeyHash) -> Self {
        Self { kind: Kind::Answer { response: Some(response) }, pace, key }
    }

    pub(super) fn wait(
        service: S,
        request: Request<B>,
        pace: Pace,
        key: KeyHash,
        turn: TurnFuture,
    ) -> Self {
        let held = Box::new(Held { service, request, turn });
        Self { kind: Kind::Waiting { waiting: Waiting(Some(held)) }, pace, key }
    }
}

impl<S, B, R> Future for PaceFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<RateLimitBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let next = match this.kind.as_mut().project() {
                KindProj::Inner { future } => {
                    let response = ready!(future.poll(cx))?;
                    this.pace.learn(*this.key, &response);
                    return Poll::Ready(Ok(response.map(RateLimitBody::unwatched)));
                }
                KindProj::Answer { response } => {
                    let response = response.take();
                    #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                    let response = response.expect("`PaceFuture` polled after completion");
                    return Poll::Ready(Ok(response.map(RateLimitBody::full)));
                }
                KindProj::Waiting { waiting } => {
                    #[expect(clippy::expect_used, reason = "it is replaced when it is taken")]
                    let held = waiting.0.as_mut().expect("it waits");
                    let turn = ready!(held.turn.as_mut().poll(cx));
                    #[expect(clippy::expect_used, reason = "as above")]
                    let mut held = *waiting.0.take().expect("it waits");
                    match turn {
                        Ok(()) => Kind::Inner { future: held.service.call(held.request) },
                        Err(wait) => Kind::Answer {
                            response: Some(refusal(wait).answer(&Caller::of(&held.request))),
                        },
                    }
                }
            };
            this.kind.set(next);
        }
    }
}

impl<S, B> fmt::Debug for PaceFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Inner { .. } => "PaceFuture::Inner(..)",
            Kind::Answer { .. } => "PaceFuture::Answer(..)",
            Kind::Waiting { .. } => "PaceFuture::Waiting(..)",
        })
    }
}
