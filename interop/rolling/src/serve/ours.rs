//! Servers that leave with a lifecycle.

use std::{process::ExitCode, time::Duration};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tonic::{service::Routes, transport::Server};
use tower::{ServiceBuilder, service_fn};
use tower_ready_shutdown::{Connections, Lifecycle, Report, Timings, health::Health};

use super::app::{Echo, router};
use crate::BoxError;

/// Shorter than in production, for there are many restarts to come; long enough for haproxy to
/// notice, as it is set up here.
const LAME_DUCK: Duration = Duration::from_secs(1);
const DRAIN: Duration = Duration::from_secs(10);

pub(super) fn lifecycle() -> Result<Lifecycle, BoxError> {
    let timings = Timings::new(LAME_DUCK, DRAIN);
    Ok(Lifecycle::builder().timings(timings).install()?)
}

pub(super) async fn axum(
    lifecycle: &Lifecycle,
    listener: TcpListener,
    shared: bool,
) -> Result<ExitCode, BoxError> {
    let health = Health::builder().lifecycle(lifecycle).build()?;
    let layers = ServiceBuilder::new().layer(health.layer()).layer(lifecycle.layer());
    let app = router().layer(layers);
    let listener = lifecycle.listener(listener).shared(shared).tap_io(|_| {});
    let server = axum::serve(listener, Connections::new(app));
    let report = lifecycle.run(server.with_graceful_shutdown(lifecycle.graceful())).await;
    Ok(end(&report))
}

pub(super) async fn hyper(
    lifecycle: &Lifecycle,
    listener: TcpListener,
    shared: bool,
) -> Result<ExitCode, BoxError> {
    let health = Health::builder().lifecycle(lifecycle).build()?;
    let layers = ServiceBuilder::new().layer(health.layer()).layer(lifecycle.layer());
    // The routes of axum, so that all servers answer alike; the server is hyper.
    let app = router();
    let service =
        layers.service(service_fn(move |request| tower::ServiceExt::oneshot(app.clone(), request)));
    let server = lifecycle.server().shared(shared).serve(listener, service);
    Ok(end(&lifecycle.run(server).await))
}

/// tonic's routes on the same server, over HTTP/2.
pub(super) async fn hyper_grpc(
    lifecycle: &Lifecycle,
    listener: TcpListener,
    shared: bool,
) -> Result<ExitCode, BoxError> {
    let health = Health::builder().lifecycle(lifecycle).grpc_service("rolling.v1.Echo").build()?;
    let layers = ServiceBuilder::new().layer(health.layer()).layer(lifecycle.layer());
    let service = layers.service(Routes::new(Echo));
    let server = lifecycle.server().shared(shared).serve(listener, service);
    Ok(end(&lifecycle.run(server).await))
}

pub(super) async fn tonic(
    lifecycle: &Lifecycle,
    listener: TcpListener,
    shared: bool,
) -> Result<ExitCode, BoxError> {
    let health = Health::builder().lifecycle(lifecycle).grpc_service("rolling.v1.Echo").build()?;
    let layers = ServiceBuilder::new().layer(health.layer()).layer(lifecycle.layer()).into_inner();
    let server = Server::builder()
        // For the checks of balancers, which speak HTTP/1.1.
        .accept_http1(true)
        .layer(layers)
        .add_service(Echo)
        .serve_with_incoming_shutdown(
            lifecycle.incoming(listener).shared(shared),
            lifecycle.graceful(),
        );
    Ok(end(&lifecycle.run(server).await))
}

fn end(report: &Report) -> ExitCode {
    eprintln!("{report}");
    report.exit_code()
}
