use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{GrpcFuture, Method};
use crate::health::{Health, ProbeBody};

/// `grpc.health.v1.Health` as a service: for tonic's `add_service`, under the feature `tonic`, and
/// for any router, at `/grpc.health.v1.Health/{method}`.
///
/// It knows the empty name and those that [`HealthBuilder::grpc_service`] gave it. While the process
/// leaves, it says `NOT_SERVING`, and a watch that was told so ends.
///
/// [`HealthBuilder::grpc_service`]: crate::health::HealthBuilder::grpc_service
#[derive(Clone, Debug)]
#[must_use = "a service does nothing until it is mounted"]
pub struct GrpcHealth(Health);

impl GrpcHealth {
    pub(in crate::health) const fn new(health: Health) -> Self {
        Self(health)
    }
}

impl<Q> Service<Request<Q>> for GrpcHealth
where
    Q: Body<Data: Buf>,
{
    type Response = Response<ProbeBody>;
    type Error = Infallible;
    type Future = GrpcFuture<Q>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let method = Method::of(request.uri().path()).unwrap_or(Method::Unknown);
        GrpcFuture::new(self.0.clone(), method, request)
    }
}

#[cfg(feature = "tonic")]
impl tonic::server::NamedService for GrpcHealth {
    const NAME: &'static str = super::SERVICE;
}
