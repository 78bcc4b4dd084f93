//! The places that tonic has for a layer.

use std::error::Error;

use ::tonic::{
    body::Body,
    metadata::MetadataMap,
    server::NamedService,
    service::{LayerExt, Routes},
    transport::{Channel, Endpoint},
};
use bytes::Bytes;
use http::{Request, Response};
use tower_layer::{Identity, Layer};
use tower_service::Service;

use super::Fit;
use crate::{
    Call,
    hosts::Tonic,
    probe::{
        GrpcService, Probe,
        proto::{Behaviour, probe_client::ProbeClient},
    },
};

type BoxError = Box<dyn Error + Send + Sync>;

impl<P: Fn(Call) -> Call> Fit<P> {
    /// `Server::layer`.
    pub async fn tonic<L, B>(&self, layer: L)
    where
        L: Layer<Routes> + Clone + Send + 'static,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError> + Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.call(&Tonic.serve(layer).await, "tonic").await;
    }

    /// `named_layer` around one service.
    pub async fn tonic_on_one_service<L, B>(&self, layer: L)
    where
        L: Layer<GrpcService>,
        L::Service: Service<Request<Body>, Response = Response<B>, Error = std::convert::Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let probe = Probe::new();
        let routes = Routes::new(layer.named_layer(probe.grpc()));
        self.call(&Tonic.serve_routes(routes, probe).await, GrpcService::NAME).await;
    }

    /// Around the channel of a generated client.
    pub async fn tonic_client<L, B>(&self, layer: L)
    where
        L: Layer<Channel>,
        L::Service: Service<Request<Body>, Response = Response<B>>,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError> + Send,
    {
        let server = Tonic.serve(Identity::new()).await;
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address()));
        let channel = endpoint.expect("a URI").connect_lazy();
        let mut client = ProbeClient::new(layer.layer(channel));

        let answer = client.a(self.to_request(Call::ok())).await.expect("a client's call");
        assert_eq!(answer.get_ref().text, "ok");
        let stream = client.stream(self.to_request(Call::stream(1))).await.expect("a stream");
        let mut stream = stream.into_inner();
        assert!(stream.message().await.expect("a message").is_some());
        assert!(stream.message().await.expect("the end").is_none());
        assert!(stream.trailers().await.expect("trailers").is_some());
    }

    fn to_request(&self, call: Call) -> ::tonic::Request<Behaviour> {
        let Call { behaviour, headers, .. } = (self.prepare)(call);
        let mut request = ::tonic::Request::new(behaviour);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        request
    }
}
