//! Servers as their own documentation has them leave.

use std::{process::ExitCode, time::Duration};

use axum::{Router, routing::get};
use axum_server::Handle;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use super::app::router;
use crate::BoxError;

pub(super) struct Terminated(Signal);

impl Terminated {
    pub(super) fn hear() -> Result<Self, BoxError> {
        Ok(Self(signal(SignalKind::terminate())?))
    }

    async fn wait(mut self) {
        self.0.recv().await;
    }
}

/// Nobody tells the balancer, as nobody does in the examples of either server.
fn app() -> Router {
    router().route("/readyz", get(async || "ok"))
}

/// `axum::serve(…).with_graceful_shutdown(…)`.
pub(super) async fn plain_axum(
    listener: TcpListener,
    terminated: Terminated,
) -> Result<ExitCode, BoxError> {
    axum::serve(listener, app()).with_graceful_shutdown(terminated.wait()).await?;
    Ok(ExitCode::SUCCESS)
}

/// axum-server's `Handle::graceful_shutdown`, with ten seconds.
pub(super) async fn axum_server(
    listener: TcpListener,
    terminated: Terminated,
) -> Result<ExitCode, BoxError> {
    let handle = Handle::new();
    let ours = handle.clone();
    tokio::spawn(async move {
        terminated.wait().await;
        ours.graceful_shutdown(Some(Duration::from_secs(10)));
    });
    axum_server::from_tcp(listener.into_std()?)?
        .handle(handle)
        .serve(app().into_make_service())
        .await?;
    Ok(ExitCode::SUCCESS)
}
