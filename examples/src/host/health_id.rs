//! An id for answers of `grpc.health.v1`.
//!
//! Probes are answered outside of the layer that gives requests their ids, since nobody wants a line
//! in the log for each. A client of gRPC finds the id on every other answer, and looks for it there.

use std::task::{Context, Poll};

use futures_util::{
    TryFutureExt,
    future::{Either, MapOk},
};
use http::{Request, Response};
use tower_layer::Layer;
use tower_ready_core::RequestId;
use tower_ready_obs::Edge;
use tower_service::Service;

/// What health is asked under.
const SERVICE: &str = "/grpc.health.v1.Health/";

/// Gives answers of health their ids, and leaves all others alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct HealthIdLayer(pub(super) Edge);

#[derive(Clone, Copy, Debug)]
pub(super) struct HealthId<S> {
    inner: S,
    edge: Edge,
}

impl<S> Layer<S> for HealthIdLayer {
    type Service = HealthId<S>;

    fn layer(&self, inner: S) -> HealthId<S> {
        HealthId { inner, edge: self.0 }
    }
}

/// Writes the id into an answer; boxed, since only probes pay for it.
type WithId<B> = Box<dyn FnOnce(Response<B>) -> Response<B> + Send>;

impl<S, Q, B> Service<Request<Q>> for HealthId<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<S::Future, MapOk<S::Future, WithId<B>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        if !request.uri().path().starts_with(SERVICE) {
            return Either::Left(self.inner.call(request));
        }
        let told = match self.edge {
            Edge::Trusted => RequestId::of(request.headers()),
            Edge::Untrusted => None,
        };
        let id = told.unwrap_or_else(RequestId::generate);
        let with_id: WithId<B> = Box::new(|mut answer| {
            // What turned out to be no probe has one already.
            answer.headers_mut().entry(RequestId::HEADER).or_insert(id.into_header_value());
            answer
        });
        Either::Right(self.inner.call(request).map_ok(with_id))
    }
}
