//! What tells one series from another, in one number.

use http::StatusCode;
use tower_ready_core::grpc::Code;

use super::names::Name;
use crate::labels::{ErrorType, MethodName, UrlScheme, Version};

/// Which family a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    HttpServer,
    RpcServer,
    HttpClient,
    RpcClient,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::HttpServer, Self::RpcServer, Self::HttpClient, Self::RpcClient];

    /// What OpenTelemetry calls the duration of it; streams, of which it says nothing, have a name
    /// of our own.
    pub(crate) const fn duration(self, is_stream: bool) -> &'static str {
        match (self, is_stream) {
            (Self::HttpServer, false) => "http.server.request.duration",
            (Self::RpcServer, false) => "rpc.server.call.duration",
            (Self::HttpClient, false) => "http.client.request.duration",
            (Self::RpcClient, false) => "rpc.client.call.duration",
            (Self::HttpServer, true) => "tower_ready.http.stream.duration",
            (Self::RpcServer, true) => "tower_ready.rpc.stream.duration",
            (Self::HttpClient, true) => "tower_ready.http.client.stream.duration",
            (Self::RpcClient, true) => "tower_ready.rpc.client.stream.duration",
        }
    }

    pub(crate) const fn time_to_headers(self) -> &'static str {
        match self {
            Self::HttpServer => "tower_ready.http.time_to_headers",
            Self::RpcServer => "tower_ready.rpc.time_to_headers",
            Self::HttpClient => "tower_ready.http.client.time_to_headers",
            Self::RpcClient => "tower_ready.rpc.client.time_to_headers",
        }
    }

    /// Sizes of the bodies of requests, and of answers.
    pub(crate) const fn sizes(self) -> [&'static str; 2] {
        match self {
            Self::HttpServer => ["http.server.request.body.size", "http.server.response.body.size"],
            Self::RpcServer => {
                ["tower_ready.rpc.request.body.size", "tower_ready.rpc.response.body.size"]
            }
            Self::HttpClient => ["http.client.request.body.size", "http.client.response.body.size"],
            Self::RpcClient => [
                "tower_ready.rpc.client.request.body.size",
                "tower_ready.rpc.client.response.body.size",
            ],
        }
    }

    pub(crate) const fn is_rpc(self) -> bool {
        matches!(self, Self::RpcServer | Self::RpcClient)
    }

    pub(crate) const fn is_client(self) -> bool {
        matches!(self, Self::HttpClient | Self::RpcClient)
    }
}

/// Every label of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) is_stream: bool,
    pub(crate) method: MethodName,
    pub(crate) scheme: UrlScheme,
    pub(crate) version: Version,
    /// The route, or the method of gRPC.
    pub(crate) name: Name,
    /// Whom a client calls.
    pub(crate) peer: Name,
    pub(crate) status: Option<StatusCode>,
    pub(crate) code: Option<Code>,
    pub(crate) error: ErrorType,
}

impl Key {
    /// How many series there can be: each may bring a route, whose number has to fit.
    pub(crate) const MAX_SERIES: usize = 500_000;

    /// The key as a number other than zero, which no other key has.
    #[inline]
    pub(crate) fn pack(&self) -> u64 {
        let status = match (self.status, self.code) {
            _ if self.kind.is_rpc() => self.code.map_or(0, |code| code as u64 + 1),
            (Some(status), _) => u64::from(status.as_u16()),
            (None, _) => 0,
        };
        // What a call is not labelled by must not tell it from another either: two series with the
        // same labels are no exposition.
        let http = |field: u64| if self.kind.is_rpc() { 0 } else { field };
        [
            (self.kind as u64, 2),
            (self.is_stream.into(), 1),
            (http(self.method.index() as u64), 4),
            (http(self.scheme as u64), 2),
            (http(self.version as u64), 3),
            (status, 10),
            (self.error as u64, 5),
            (self.name.number().into(), 21),
            (self.peer.number().into(), 13),
        ]
        .into_iter()
        .fold(1, |packed, (field, bits)| packed << bits | field)
    }
}
