use std::{
    mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_ready_core::Instant;
use tower_ready_problem::Caller;
use tower_service::Service;

use super::{Pace, PaceFuture, refusal};
use crate::RateLimitBody;

/// Keeps the calls of a client to a [`Pace`].
#[derive(Clone, Debug)]
#[must_use = "a layer paces nothing until it is applied"]
pub struct PaceLayer(Pace);

/// A client whose calls keep to a [`Pace`].
///
/// It is ready when the inner service is, and waits in the call: readiness knows no authority.
#[derive(Debug)]
pub struct PaceService<S> {
    inner: S,
    pace: Pace,
}

impl PaceLayer {
    /// A layer that keeps to this pace.
    pub const fn new(pace: Pace) -> Self {
        Self(pace)
    }
}

impl<S> Layer<S> for PaceLayer {
    type Service = PaceService<S>;

    fn layer(&self, inner: S) -> PaceService<S> {
        PaceService { inner, pace: self.0.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for PaceService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
{
    type Response = Response<RateLimitBody<R>>;
    type Error = S::Error;
    type Future = PaceFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (pace, now) = (self.pace.clone(), Instant::now());
        let key = pace.key(&request);
        if pace.turn_at_once(key, now) {
            return PaceFuture::inner(self.inner.call(request), pace, key);
        }
        // The ready instance waits or is let go; a clone takes its place.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let until = pace.patience(&request, now);
        match pace.line_up(key, now, until) {
            Ok(place) => {
                let turn = Box::pin(pace.clone().wait(key, until, place));
                PaceFuture::wait(ready, request, pace, key, turn)
            }
            Err(wait) => {
                let answer = refusal(wait).answer(&Caller::of(&request));
                PaceFuture::answer(answer, pace, key)
            }
        }
    }
}

/// The clone is a service of its own: it has to become ready by itself.
impl<S: Clone> Clone for PaceService<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), pace: self.pace.clone() }
    }
}
