//! The places that axum has for a layer.

use std::convert::Infallible;

use ::axum::{
    Router,
    body::Body,
    extract::Request,
    response::IntoResponse,
    routing::{Route, any, get},
};
use tower_layer::Layer;
use tower_service::Service;

use super::Fit;
use crate::{
    Call,
    hosts::{Axum, TonicInAxum},
    probe::Probe,
};

impl<P: Fn(Call) -> Call> Fit<P> {
    /// `Router::layer`.
    pub async fn axum<L>(&self, layer: L)
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.call(&Axum.serve(layer).await, "axum").await;
    }

    /// `Routes::into_axum_router().layer`.
    pub async fn tonic_in_axum<L>(&self, layer: L)
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.call(&TonicInAxum.serve(layer).await, "tonic in axum").await;
    }

    /// `Router::layer` six times, where axum boxes between the layers.
    pub async fn axum_in_six_calls<L>(&self, layer: &L)
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let probe = Probe::new();
        let router = (0..6).fold(Axum.router(&probe), |router, _| router.layer(layer.clone()));
        self.call(&Axum.serve_router(router, probe).await, "axum, six calls of layer").await;
    }

    /// `MethodRouter::layer` and `route_layer`, `Router::route_layer` and a fallback.
    pub async fn axum_in_every_place<L>(&self, layer: &L)
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let probe = Probe::new();
        let http = probe.http();
        let handler =
            move |request: Request| async move { http.answer(request).await.map(Body::new) };
        let router = Router::new()
            .route("/probe/c", any(handler.clone()))
            .route_layer(layer.clone())
            .route("/probe/a", any(handler.clone()).layer(layer.clone()))
            .route("/probe/b", get(handler.clone()).route_layer(layer.clone()))
            .merge(Router::new().fallback(handler).layer(layer.clone()));
        let server = Axum.serve_router(router, probe).await;
        for path in ["/probe/a", "/probe/b", "/probe/c", "/probe/fallback"] {
            let reply = server.call((self.prepare)(Call::ok().at(path))).await;
            assert!(reply.is_ok(), "axum at {path}: {reply:?}");
        }
        assert_eq!(server.hits(), 4);
    }
}
