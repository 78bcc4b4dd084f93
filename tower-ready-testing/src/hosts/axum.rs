//! axum over HTTP/1.1.

use std::{
    convert::Infallible,
    future::{IntoFuture, Ready, ready},
    net::SocketAddr,
    task::{Context, Poll},
};

use ::axum::{
    Extension, Router,
    body::Body,
    extract::{ConnectInfo, Request},
    middleware::AddExtension,
    response::IntoResponse,
    routing::{Route, any},
    serve::{IncomingStream, Listener, ListenerExt},
};
use tokio::net::TcpListener;
use tower_layer::Layer;
use tower_service::Service;

use super::{listen, until_end};
use crate::{Server, Speaks, probe::Probe, server::StopSignal};

/// axum 0.8: the layer lies on a router by `Router::layer`, called over HTTP/1.1.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a host, nothing more")]
pub struct Axum;

// === impl Axum ===

impl Axum {
    /// What its callers speak.
    #[must_use]
    pub const fn speaks(&self) -> Speaks {
        Speaks::Http
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
        let router = self.router(&probe).layer(layer);
        self.serve_router(router, probe).await
    }

    /// A router with the probe on its routes, for what only axum can do with a layer.
    pub fn router(&self, probe: &Probe) -> Router {
        let http = probe.http();
        let handler =
            any(move |request: Request| async move { http.answer(request).await.map(Body::new) });
        ["/probe/a", "/probe/b", "/probe/c", "/probe/stream", "/probe/items/{id}"]
            .into_iter()
            .fold(Router::new(), |router, path| router.route(path, handler.clone()))
    }

    /// Serves a router of the test's own.
    pub async fn serve_router(&self, router: Router, probe: Probe) -> Server {
        serve_router(router, probe, Speaks::Http).await
    }
}

pub(super) async fn serve_router(router: Router, probe: Probe, speaks: Speaks) -> Server {
    let (listener, address) = listen().await;
    let counted = probe.clone();
    Server::run(address, speaks, probe, |stop| serve(listener, router, counted, stop))
}

async fn serve(listener: TcpListener, router: Router, probe: Probe, stop: StopSignal) {
    let listener = listener.tap_io(move |io| {
        probe.connected();
        // Else a streamed chunk can wait 40 ms for the acknowledgement of the one before.
        let _ = io.set_nodelay(true);
    });
    let serve = ::axum::serve(listener, PerConnection(router));
    until_end(serve.with_graceful_shutdown(stop.received()).into_future()).await;
}

/// What `axum::serve(listener, router)` does, plus the address of the peer.
///
/// The layers are applied anew for each connection, as for most users of axum;
/// `Router::into_make_service_with_connect_info` would apply them once and hide a layer whose
/// state does not survive that.
struct PerConnection(Router);

// === impl PerConnection ===

impl<L> Service<IncomingStream<'_, L>> for PerConnection
where
    L: Listener<Addr = SocketAddr>,
{
    type Response = AddExtension<Router, ConnectInfo<SocketAddr>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, incoming: IncomingStream<'_, L>) -> Self::Future {
        let peer = Extension(ConnectInfo(*incoming.remote_addr()));
        ready(Ok(peer.layer(self.0.clone().with_state(()))))
    }
}
