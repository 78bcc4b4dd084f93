use std::{
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use tower_ready_core::{GuardedBody, GuardedFuture, Head, LocalRejection};
use tower_ready_problem::{Caller, Problem, types};
use tower_service::Service;

use crate::{Phase, ShutdownLayer, flight::Flight, ramp, stamp::stamp};

/// The future of a call to a [`ShutdownService`].
pub type ShutdownFuture<F> = GuardedFuture<F, Flight>;

/// The body of an answer: the inner one, which is in flight until it ends, or that of a refusal.
pub type ShutdownBody<B> = GuardedBody<B, Flight>;

/// A service whose requests are counted while they are in flight.
#[derive(Clone)]
pub struct ShutdownService<S> {
    inner: S,
    layer: ShutdownLayer,
}

impl<S> ShutdownService<S> {
    pub(crate) const fn new(inner: S, layer: ShutdownLayer) -> Self {
        Self { inner, layer }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to be changed.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service alone.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// What the options make of a request, or the answer that turns it away.
    #[cold]
    fn look<Q>(&self, request: &mut Request<Q>) -> Result<Flight, Box<Response<Bytes>>> {
        let ShutdownLayer { lifecycle, options } = &self.layer;
        if options.exempt.as_ref().is_some_and(|exempt| exempt(&Head::of(request))) {
            return Ok(Flight::none());
        }
        if options.rejects && lifecycle.phase() >= Phase::Closing {
            return Err(Box::new(reject(request)));
        }
        let mut flight = Flight::begin(&lifecycle.0.traffic, request.version());
        if let Some(describe) = &options.describe {
            let head = Head::of(request);
            flight.describe(lifecycle, &head, describe(&head));
        }
        if options.token {
            request.extensions_mut().insert(lifecycle.clone());
        }
        Ok(flight)
    }
}

/// Within one to three seconds another instance has taken over; and not all come back at once.
fn retry_after() -> Duration {
    Duration::from_secs(1) + Duration::from_secs(2).mul_f64(ramp::chance())
}

fn reject<Q>(request: &Request<Q>) -> Response<Bytes> {
    let mut response = Problem::new(&types::UNAVAILABLE)
        .detail("this instance is about to end")
        .retry_after(retry_after())
        .rejected_by(LocalRejection::new("shutdown", "closing"))
        .answer(&Caller::of(request));
    if request.version() == Version::HTTP_11 {
        stamp(&mut response);
    }
    response
}

impl<S, Q, B> Service<Request<Q>> for ShutdownService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Response = Response<ShutdownBody<B>>;
    type Error = S::Error;
    type Future = ShutdownFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let traffic = &self.layer.lifecycle.0.traffic;
        let flight = if self.layer.options.are_plain() && !traffic.is_leaving() {
            Flight::begin(traffic, request.version())
        } else {
            match self.look(&mut request) {
                Ok(flight) => flight,
                Err(response) => {
                    // Readiness may be a permit, which nobody is to hold for a call that is not made.
                    self.inner = self.inner.clone();
                    return ShutdownFuture::answer(*response);
                }
            }
        };
        ShutdownFuture::call(&mut self.inner, request, flight)
    }
}

impl<S: fmt::Debug> fmt::Debug for ShutdownService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownService")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}
