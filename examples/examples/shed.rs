//! A bulkhead alone: two reports at a time, and whoever finds no slot hears so at once.
//!
//! `cargo run -p tower-ready-examples --example shed`, then `curl -i localhost:3000/report` in three
//! terminals at once.

use std::{error::Error, net::Ipv4Addr, time::Duration};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, time::sleep};
use tower_ready_shed::{Bulkhead, ConfigError};

async fn report() -> &'static str {
    sleep(Duration::from_secs(5)).await;
    "a report"
}

pub(crate) fn app() -> Result<Router, ConfigError> {
    // One for all connections: each layer is a handle of it. A slot is taken to the end of the body.
    let slots = Bulkhead::builder().limit(2).build()?;
    Ok(Router::new()
        .route("/report", get(report))
        .route_layer(slots.layer())
        // Not behind it: the rest of the service does not suffer from reports.
        .route("/", get(async || "always there")))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    Ok(axum::serve(listener, app()?).await?)
}
