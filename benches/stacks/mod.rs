//! The whole stack, ours and one of the best peers that does the same work, for the benches that put
//! it around a service: in process and over loopback.

pub(crate) mod tokens;

pub(crate) mod ours;
pub(crate) mod peers;

use std::{convert::Infallible, future::ready};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::Full;
use tonic::service::Routes;
use tower_service::Service;

pub(crate) use self::{ours::ours, peers::peers};

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The path of [`axum`].
pub(crate) const ORDER: &str = "/orders/42";

/// The path of [`tonic`], whose request is an empty message.
pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";

/// A message without fields as gRPC frames it.
pub(crate) const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// A route of axum.
pub(crate) fn axum() -> Router {
    Router::new().route("/orders/{id}", get(|| async { "ok" }))
}

/// A method of tonic, which says whether the server is well.
pub(crate) fn tonic() -> Router {
    let (_, health) = tonic_health::server::health_reporter();
    Routes::new(health).into_axum_router()
}

/// A service of hyper.
pub(crate) fn hyper<B>()
-> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ 'static {
    let answer = |_| ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))));
    tower::service_fn(answer)
}
