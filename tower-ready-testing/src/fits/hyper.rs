//! The places that hyper has for a layer.

use std::{
    convert::Infallible,
    error::Error,
    future::{Future, Ready, ready},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use ::hyper::{body::Incoming, client::conn::http1};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_layer::{Identity, Layer};
use tower_service::Service;

use super::Fit;
use crate::{
    Call, Server,
    hosts::Hyper,
    probe::{HttpProbe, Probe},
};

type BoxError = Box<dyn Error + Send + Sync>;

impl<P: Fn(Call) -> Call> Fit<P> {
    /// Over a service with any body of its own.
    pub async fn hyper<L, B>(&self, layer: L)
    where
        L: Layer<HttpProbe> + Send + 'static,
        L::Service: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Incoming>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Incoming>>>::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        self.call(&Hyper.serve(layer).await, "hyper").await;
    }

    /// Over a service that answers with `Full` bodies.
    pub async fn hyper_with_full_bodies<L, B>(&self, layer: L)
    where
        L: Layer<Hello> + Send + 'static,
        L::Service: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Incoming>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Incoming>>>::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let server = Hyper.serve_service(move || layer.layer(Hello(())), Probe::new()).await;
        let reply = server.call((self.prepare)(Call::ok())).await;
        assert_eq!(reply.text(), "hello", "hyper with full bodies: {reply:?}");
        assert_eq!(reply.header("content-length"), Some("5"));
    }

    /// Over a proxy, whose answers have `Incoming` bodies.
    pub async fn hyper_as_proxy<L, B>(&self, layer: L)
    where
        L: Layer<Proxy> + Send + 'static,
        L::Service: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Incoming>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Incoming>>>::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let upstream: Server = Hyper.serve(Identity::new()).await;
        let proxy = Proxy { upstream: upstream.address() };
        let probe = upstream.probe().clone();
        let server = Hyper.serve_service(move || layer.layer(proxy.clone()), probe).await;
        self.call(&server, "hyper as proxy").await;
    }
}

/// A service that answers `hello`.
#[derive(Clone, Debug)]
pub struct Hello(());

/// A service that forwards to another server.
#[derive(Clone, Debug)]
pub struct Proxy {
    upstream: SocketAddr,
}

// === impl Hello ===

impl<B> Service<Request<B>> for Hello {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::from("hello"))))
    }
}

// === impl Proxy ===

impl<B> Service<Request<B>> for Proxy
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Incoming>;
    type Error = ::hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let upstream = self.upstream;
        Box::pin(async move {
            let stream = TcpStream::connect(upstream).await.expect("the upstream listens");
            let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(driver);
            sender.send_request(request.map(Box::pin)).await
        })
    }
}
