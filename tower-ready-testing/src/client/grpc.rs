//! A caller over gRPC.

use std::{mem, net::SocketAddr};

use http::{HeaderMap, uri::PathAndQuery};
use tonic::{Status, client::Grpc, metadata::MetadataMap, transport::Endpoint};
use tonic_prost::ProstCodec;

use super::tap::{Tap, TappedChannel};
use crate::{
    Call, Reply,
    call::{Route, Target},
    probe::proto::{Answer, Behaviour},
};

/// A tonic client that can name any method.
#[derive(Clone, Debug)]
pub(super) struct GrpcClient {
    grpc: Grpc<TappedChannel>,
}

/// A call whose answer has begun.
pub(super) struct GrpcExchange {
    tap: Tap,
    messages: Vec<String>,
    state: Result<tonic::Streaming<Answer>, Status>,
}

type Codec = ProstCodec<Behaviour, Answer>;

// === impl GrpcClient ===

impl GrpcClient {
    pub(super) fn new(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
        Self { grpc: Grpc::new(TappedChannel(endpoint.connect_lazy())) }
    }

    pub(super) async fn call(&self, call: Call) -> Reply {
        // A unary call has other rules for the client than a stream of one message.
        if call.behaviour.chunks.is_some() {
            return self.open(call).await.finish().await;
        }
        let (tap, path, request) = to_request(call);
        let mut grpc = self.grpc.clone();
        let answer = match grpc.ready().await {
            Ok(()) => grpc.unary(request, path, Codec::default()).await,
            Err(error) => Err(Status::from_error(error.into())),
        };
        match answer {
            Ok(answer) => to_reply(&tap, vec![answer.into_inner().text], Status::ok("")),
            Err(status) => to_reply(&tap, Vec::new(), status),
        }
    }

    pub(super) async fn open(&self, call: Call) -> GrpcExchange {
        let (tap, path, request) = to_request(call);
        let mut grpc = self.grpc.clone();
        let state = match grpc.ready().await {
            Ok(()) => grpc.server_streaming(request, path, Codec::default()).await,
            Err(error) => Err(Status::from_error(error.into())),
        };
        GrpcExchange { tap, messages: Vec::new(), state: state.map(tonic::Response::into_inner) }
    }
}

// === impl GrpcExchange ===

impl GrpcExchange {
    pub(super) async fn message(&mut self) -> Option<String> {
        match self.state.as_mut().ok()?.message().await {
            Ok(answer) => {
                let text = answer?.text;
                self.messages.push(text.clone());
                Some(text)
            }
            Err(status) => {
                self.state = Err(status);
                None
            }
        }
    }

    pub(super) async fn finish(mut self) -> Reply {
        while self.message().await.is_some() {}
        let status = self.state.err().unwrap_or_else(|| Status::ok(""));
        to_reply(&self.tap, self.messages, status)
    }
}

fn to_request(call: Call) -> (Tap, PathAndQuery, tonic::Request<Behaviour>) {
    let path = match &call.target {
        Target::Path(path) => path.parse().expect("a path"),
        Target::Route(_) if call.behaviour.chunks.is_some() => method("/testing.v1.Probe/Stream"),
        Target::Route(Route::A) => method("/testing.v1.Probe/A"),
        Target::Route(Route::B) => method("/testing.v1.Probe/B"),
        Target::Route(Route::C) => method("/testing.v1.Probe/C"),
    };
    let tap = Tap::default();
    let mut request = tonic::Request::new(call.behaviour);
    *request.metadata_mut() = MetadataMap::from_headers(call.headers);
    request.extensions_mut().insert(tap.clone());
    (tap, path, request)
}

const fn method(path: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(path)
}

fn to_reply(tap: &Tap, messages: Vec<String>, status: Status) -> Reply {
    let mut notes = tap.notes();
    Reply {
        head: notes.head.take(),
        body: mem::take(&mut notes.body).freeze(),
        trailers: mem::replace(&mut notes.trailers, HeaderMap::new()),
        broken: None,
        messages,
        grpc: Some(status),
    }
}
