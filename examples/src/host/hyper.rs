//! The service on bare hyper.

use std::process::ExitCode;

use tokio::net::TcpListener;
use tower_layer::Layer;

use super::{
    router::{Router, WithPeer},
    start,
};
use crate::{http::App, stack::Stack};

/// The binary `hyper`.
pub async fn main() -> ExitCode {
    start::start("hyper", "127.0.0.1:3000", super::curl, serve).await
}

/// Serves until the end has begun and the last request is answered.
async fn serve(listener: TcpListener, stack: Stack, app: App) {
    // Applied once; connections get clones.
    let service = stack.http_layers().layer(Router::new(&app));
    let server = app.lifecycle.server();
    server.serve_with(listener, move |peer| WithPeer::new(service.clone(), *peer)).await;
}
