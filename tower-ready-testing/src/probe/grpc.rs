//! The probe over gRPC.

use std::{
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, request::Parts};
use tonic::{
    Code, Status, body::Body, codegen::BoxFuture, metadata::MetadataMap, server::NamedService,
};
use tower_service::Service;

use super::{
    Probe, Seen,
    behave::Outcome,
    proto::{
        Answer, Behaviour, Header,
        probe_server::{self, ProbeServer},
    },
};

/// The probe as the service `testing.v1.Probe`.
#[derive(Clone)]
pub struct GrpcService {
    inner: ProbeServer<GrpcProbe>,
}

/// The methods of the service.
#[derive(Clone, Debug)]
struct GrpcProbe {
    probe: Probe,
}

type Reply<T> = Result<tonic::Response<T>, Status>;

// === impl GrpcService ===

impl GrpcService {
    pub(super) fn new(probe: Probe) -> Self {
        Self { inner: ProbeServer::new(GrpcProbe { probe }) }
    }
}

impl Service<Request<Body>> for GrpcService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // tonic hides the HTTP request from its methods, but keeps its extensions.
        let (mut parts, body) = request.into_parts();
        let seen = parts.clone();
        parts.extensions.insert(seen);
        self.inner.call(Request::from_parts(parts, body))
    }
}

impl NamedService for GrpcService {
    const NAME: &'static str = <ProbeServer<GrpcProbe> as NamedService>::NAME;
}

impl fmt::Debug for GrpcService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcService").finish_non_exhaustive()
    }
}

// === impl GrpcProbe ===

impl GrpcProbe {
    async fn perform(&self, request: tonic::Request<Behaviour>) -> (Outcome, MetadataMap) {
        let running = self.probe.enter();
        let (_, extensions, wish) = request.into_parts();
        let parts = extensions.get::<Parts>().expect("the service adds them").clone();
        self.probe.remember(Seen::new(parts, Bytes::new()));
        let metadata = to_metadata(&wish.headers);
        (self.probe.behave(running, wish).await, metadata)
    }

    async fn unary(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        match self.perform(request).await {
            (Outcome::Text(text), metadata) => {
                Ok(tonic::Response::from_parts(metadata, Answer { text }, <_>::default()))
            }
            (Outcome::Failed(wish), metadata) => Err(to_status(&wish, metadata)),
            (Outcome::Stream(_), _) => Err(Status::invalid_argument("one answer cannot stream")),
        }
    }
}

#[tonic::async_trait]
impl probe_server::Probe for GrpcProbe {
    type StreamStream = BoxStream<'static, Result<Answer, Status>>;

    async fn a(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.unary(request).await
    }

    async fn b(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.unary(request).await
    }

    async fn c(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.unary(request).await
    }

    async fn stream(&self, request: tonic::Request<Behaviour>) -> Reply<Self::StreamStream> {
        let (chunks, metadata) = match self.perform(request).await {
            (Outcome::Stream(chunks), metadata) => (chunks, metadata),
            (Outcome::Failed(wish), metadata) => return Err(to_status(&wish, metadata)),
            (Outcome::Text(_), _) => return Err(Status::invalid_argument("no chunks asked for")),
        };
        let answers = chunks.map(|chunk| match chunk {
            Ok(text) => Ok(Answer { text }),
            Err(error) => Err(Status::data_loss(error.to_string())),
        });
        Ok(tonic::Response::from_parts(metadata, answers.boxed(), <_>::default()))
    }
}

fn to_status(wish: &Behaviour, metadata: MetadataMap) -> Status {
    Status::with_metadata(Code::from(wish.code), wish.message.clone(), metadata)
}

fn to_metadata(headers: &[Header]) -> MetadataMap {
    let pairs = headers.iter().map(|Header { name, value }| {
        let name: HeaderName = name.parse().expect("a header name");
        let value: HeaderValue = value.parse().expect("a header value");
        (name, value)
    });
    MetadataMap::from_headers(pairs.collect::<HeaderMap>())
}
