//! Deadlines alone: a request has a second, or less if its caller says so.
//!
//! `cargo run -p tower-ready-examples --example deadline`, then
//! `curl -i -H 'x-request-timeout-ms: 700' localhost:3000/report`, or `/stuck`

use std::{error::Error, future::pending, net::Ipv4Addr, time::Duration};

use axum::{Extension, Router, routing::get};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tower_ready_deadline::{ConfigError, Deadline, DeadlineExt, Deadlines};

/// What is nice to have gets the time that the rest does not need.
async fn report(Extension(deadline): Extension<Deadline>) -> &'static str {
    let spare = deadline.left().saturating_sub(Duration::from_millis(500));
    let figures = sleep(Duration::from_secs(60));
    match timeout(spare, figures).await {
        Ok(()) => "a report with all figures",
        Err(_) => "a report without the figures of last year",
    }
}

pub(crate) fn app() -> Result<Router, ConfigError> {
    let deadlines = Deadlines::builder().timeout(Duration::from_secs(1)).build()?;
    Ok(Router::new()
        .route("/report", get(report))
        // Whatever hangs is dropped when its time is up, and the caller hears of it.
        .route("/stuck", get(pending::<()>))
        .layer(deadlines.layer()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    Ok(axum::serve(listener, app()?).await?)
}
