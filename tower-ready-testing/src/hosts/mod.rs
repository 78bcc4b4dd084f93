//! The hosts on which [`each_host!`](crate::each_host) runs a test.
//!
//! Each has `serve(layer)` with exactly the bounds that the host itself has, and mounts the probe in
//! the way that is hardest on a layer with state: axum applies it anew for every connection and
//! route, hyper for every connection, tonic once for the server.

use std::{future::Future, net::SocketAddr};

use tokio::net::TcpListener;

mod axum;
mod hyper;
mod tonic;
mod tonic_in_axum;

pub use self::{axum::Axum, hyper::Hyper, tonic::Tonic, tonic_in_axum::TonicInAxum};

/// A listener on a free loopback port.
async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    (listener, address)
}

/// Runs a server whose end nobody looks at.
async fn until_end<E: std::fmt::Debug>(serve: impl Future<Output = Result<(), E>>) {
    serve.await.expect("the server ends well");
}
