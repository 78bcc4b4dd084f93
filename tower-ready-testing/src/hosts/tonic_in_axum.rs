//! tonic's services inside an axum router.

use std::convert::Infallible;

use ::axum::{extract::Request, response::IntoResponse, routing::Route};
use ::tonic::service::Routes;
use tower_layer::Layer;
use tower_service::Service;

use super::axum::serve_router;
use crate::{Server, Speaks, probe::Probe};

/// tonic's services in axum 0.8, as in one port for HTTP and gRPC: the layer lies on the router that
/// `Routes::into_axum_router` makes, called by a tonic client.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a host, nothing more")]
pub struct TonicInAxum;

// === impl TonicInAxum ===

impl TonicInAxum {
    /// What its callers speak.
    #[must_use]
    pub const fn speaks(&self) -> Speaks {
        Speaks::Grpc
    }

    /// Serves the probe behind `layer`.
    pub async fn serve<L>(&self, layer: L) -> Server
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let probe = Probe::new();
        let router = Routes::new(probe.grpc()).into_axum_router().layer(layer);
        serve_router(router, probe, Speaks::Grpc).await
    }
}
