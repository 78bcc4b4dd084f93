//! hyper over HTTP/1.1.

use std::{
    error::Error,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll},
};

use ::hyper::body::Incoming;
use http::{Request, Response};
use http_body::Body;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, task::JoinSet};
use tower_layer::Layer;
use tower_service::Service;

use super::listen;
use crate::{
    Server, Speaks,
    probe::{HttpProbe, Probe},
    server::StopSignal,
};

/// hyper 1: the layer lies on a tower service behind hyper-util's server, called over HTTP/1.1.
///
/// Request bodies are `hyper::body::Incoming`; the peer's [`SocketAddr`] is a request extension.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a host, nothing more")]
pub struct Hyper;

type BoxError = Box<dyn Error + Send + Sync>;

// === impl Hyper ===

impl Hyper {
    /// What its callers speak.
    #[must_use]
    pub const fn speaks(&self) -> Speaks {
        Speaks::Http
    }

    /// Serves the probe behind `layer`.
    pub async fn serve<L, B>(&self, layer: L) -> Server
    where
        L: Layer<HttpProbe> + Send + 'static,
        L::Service: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Incoming>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Incoming>>>::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let probe = Probe::new();
        let inner = probe.http();
        self.serve_service(move || layer.layer(inner.clone()), probe).await
    }

    /// Serves a service of the test's own, made anew for each connection.
    pub async fn serve_service<S, B>(
        &self,
        make: impl Fn() -> S + Send + 'static,
        probe: Probe,
    ) -> Server
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (listener, address) = listen().await;
        let counted = probe.clone();
        Server::run(address, Speaks::Http, probe, |stop| accept(listener, make, counted, stop))
    }
}

async fn accept<S, B>(
    listener: TcpListener,
    make: impl Fn() -> S + Send + 'static,
    probe: Probe,
    stop: StopSignal,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let mut stop = pin!(stop.received());
    let graceful = GracefulShutdown::new();
    // Dropped with this future, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted.expect("loopback accepts"),
            () = &mut stop => break,
        };
        probe.connected();
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(WithPeer { inner: make(), peer });
        let server = auto::Builder::new(TokioExecutor::new());
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Adds the address of the peer to the extensions of each request.
#[derive(Clone)]
struct WithPeer<S> {
    inner: S,
    peer: SocketAddr,
}

// === impl WithPeer ===

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for WithPeer<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> S::Future {
        request.extensions_mut().insert(self.peer);
        self.inner.call(request)
    }
}
