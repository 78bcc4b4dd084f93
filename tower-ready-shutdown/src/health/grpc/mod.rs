//! `grpc.health.v1` without a code generator: Check, Watch and List.

mod future;
mod message;
mod service;
mod watch;

use http::Request;
use tower_ready_core::Protocol;

pub(super) use self::watch::Watching;
pub use self::{future::GrpcFuture, service::GrpcHealth};

/// The path of a method is `/SERVICE/METHOD`.
const SERVICE: &str = "grpc.health.v1.Health";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Check,
    Watch,
    List,
    Unknown,
}

impl Method {
    /// The method that a path names, or none if it is of another service.
    #[inline]
    pub(super) fn of(path: &str) -> Option<Self> {
        let method = path.strip_prefix('/')?.strip_prefix(SERVICE)?.strip_prefix('/')?;
        Some(match method {
            "Check" => Self::Check,
            "Watch" => Self::Watch,
            "List" => Self::List,
            _ => Self::Unknown,
        })
    }
}

pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    Protocol::of(request).is_grpc()
}
