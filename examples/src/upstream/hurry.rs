use std::{
    convert::identity,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{TryFutureExt, future::MapOk};
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_ready_core::{Deadline, Instant, LocalRejection};
use tower_service::Service;

/// Spares the upstream the impatience of our callers.
///
/// When an attempt has less than its own time because a caller is in a hurry, and that is over, it
/// says nothing about the upstream: else whoever asks with a few milliseconds, five times, would shut
/// the circuit for all. Marked as our own doing, it is neither counted by the breaker nor retried.
#[derive(Clone, Copy, Debug)]
pub(super) struct HurryLayer {
    /// What an attempt has at least, to say something.
    pub(super) attempt: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Hurry<S> {
    inner: S,
    attempt: Duration,
}

/// An answer that the upstream itself gave, if only a 504.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfUpstream;

impl<S> Layer<S> for HurryLayer {
    type Service = Hurry<S>;

    fn layer(&self, inner: S) -> Hurry<S> {
        Hurry { inner, attempt: self.attempt }
    }
}

impl<S, Q, B> Service<Request<Q>> for Hurry<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Response<B>) -> Response<B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let deadline = Deadline::of(request.extensions());
        let is_hurried =
            deadline.is_some_and(|deadline| deadline.remaining(Instant::now()) < self.attempt);
        let judge: fn(Response<B>) -> Response<B> = if is_hurried { spare } else { identity };
        self.inner.call(request).map_ok(judge)
    }
}

fn spare<B>(mut answer: Response<B>) -> Response<B> {
    let is_its_own = answer.extensions().get::<OfUpstream>().is_some();
    if answer.status() == StatusCode::GATEWAY_TIMEOUT && !is_its_own {
        answer.extensions_mut().insert(LocalRejection::new("deadline", "hurry"));
    }
    answer
}
