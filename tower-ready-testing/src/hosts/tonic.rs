//! tonic's own server.

use std::error::Error;

use ::tonic::{
    body::Body,
    service::Routes,
    transport::{Server as TonicServer, server::Router},
};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tower_layer::{Identity, Layer, Stack};
use tower_service::Service;

use super::{listen, until_end};
use crate::{Server, Speaks, probe::Probe, server::StopSignal};

/// tonic 0.14: the layer lies on the server by `Server::layer`, called by a tonic client.
///
/// It accepts HTTP/1.1 as well, for the callers of [`Server::connect_http`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a host, nothing more")]
pub struct Tonic;

type BoxError = Box<dyn Error + Send + Sync>;

// === impl Tonic ===

impl Tonic {
    /// What its callers speak.
    #[must_use]
    pub const fn speaks(&self) -> Speaks {
        Speaks::Grpc
    }

    /// Serves the probe behind `layer`.
    pub async fn serve<L, B>(&self, layer: L) -> Server
    where
        L: Layer<Routes> + Clone + Send + 'static,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError> + Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let probe = Probe::new();
        let router = builder().layer(layer).add_service(probe.grpc());
        start(router, probe).await
    }

    /// Serves gRPC services of the test's own.
    pub async fn serve_routes(&self, routes: Routes, probe: Probe) -> Server {
        start(builder().layer(Identity::new()).add_routes(routes), probe).await
    }
}

fn builder() -> TonicServer {
    TonicServer::builder().accept_http1(true)
}

async fn start<L, B>(router: Router<Stack<L, Identity>>, probe: Probe) -> Server
where
    L: Layer<Routes> + Clone + Send + 'static,
    L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send,
    <L::Service as Service<Request<Body>>>::Error: Into<BoxError> + Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (listener, address) = listen().await;
    let counted = probe.clone();
    Server::run(address, Speaks::Grpc, probe, |stop| serve(listener, router, counted, stop))
}

async fn serve<L, B>(
    listener: TcpListener,
    router: Router<Stack<L, Identity>>,
    probe: Probe,
    stop: StopSignal,
) where
    L: Layer<Routes> + Clone + Send + 'static,
    L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send,
    <L::Service as Service<Request<Body>>>::Error: Into<BoxError> + Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let incoming = TcpListenerStream::new(listener).inspect(move |accepted| {
        probe.connected();
        if let Ok(io) = accepted {
            let _ = io.set_nodelay(true);
        }
    });
    until_end(router.serve_with_incoming_shutdown(incoming, stop.received())).await;
}
