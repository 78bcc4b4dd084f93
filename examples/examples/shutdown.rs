//! A clean end alone: probes, a lame duck, and nothing in flight is lost.
//!
//! `cargo run -p tower-ready-examples --example shutdown`, then
//! `curl localhost:3000/slow & kill -TERM PID`

use std::{error::Error, net::Ipv4Addr, process::ExitCode, time::Duration};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, time::sleep};
use tower_ready_shutdown::{
    Lifecycle,
    health::{ConfigError, Health},
};

async fn slow() -> &'static str {
    sleep(Duration::from_secs(3)).await;
    "done"
}

pub(crate) fn app(lifecycle: &Lifecycle) -> Result<Router, ConfigError> {
    let health = Health::builder().lifecycle(lifecycle).build()?;
    Ok(Router::new()
        .route("/slow", get(slow))
        // Probes are answered outside of what counts, so that they keep nobody.
        .layer((health.layer(), lifecycle.layer())))
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    // First of all: from now on signals are heard.
    let lifecycle = Lifecycle::install()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    let report = lifecycle.run(lifecycle.serve_axum(listener, app(&lifecycle)?)).await;
    Ok(report.exit_code())
}
