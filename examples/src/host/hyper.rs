//! The service on bare hyper.

use std::{io, process::ExitCode, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, task::JoinSet};
use tower_layer::Layer;

use super::{
    router::{Router, WithPeer},
    start,
};
use crate::{http::App, stack::Stack};

/// The binary `hyper`.
pub async fn main() -> ExitCode {
    start::start("127.0.0.1:3000", super::curl, serve).await
}

/// Serves until the end has begun and the last request is answered.
async fn serve(listener: TcpListener, stack: Stack, app: App) {
    // Applied once; connections get clones.
    let service = stack.http_layers().layer(Router::new(&app));
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Without a timer a client could take forever over its first line.
    server.http1().timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new());

    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.leave.begun() => break,
            // Else the tasks of all connections that ever were would be kept.
            Some(_) = connections.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause(&error).await;
                continue;
            }
        };
        // Else a small answer may wait 40 ms for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(WithPeer::new(service.clone(), peer));
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection.into_owned());
        connections.spawn(async move {
            // A client that breaks off is no event.
            let _ = connection.await;
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// A client that left before it was accepted is no reason to wait; where files have run out, trying
/// again at once would only burn the processor.
async fn pause(error: &io::Error) {
    let of_the_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    );
    if !of_the_client {
        tracing::error!(%error, "no connection can be accepted");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
