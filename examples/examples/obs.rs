//! Observability alone: ids, a line in the log for each request, and metrics by route.
//!
//! `cargo run -p tower-ready-examples --example obs`, then `curl -i localhost:3000/orders/7` and
//! `curl localhost:3000/metrics`

use std::{error::Error, net::Ipv4Addr};

use axum::{
    Router,
    routing::{get, get_service},
};
use tokio::net::TcpListener;
use tower_ready_obs::{Metrics, RouteTable, Tracing};

pub(crate) fn app() -> Result<Router, Box<dyn Error>> {
    let tracing = Tracing::builder().build()?;
    // Routes and not paths, of which callers could make up any number.
    let metrics = Metrics::builder().routes(RouteTable::new(["/orders/{id}"])).build()?;
    Ok(Router::new()
        .route("/orders/{id}", get(async || "an order"))
        // Metrics inside of traces, so that they have examples.
        .layer((tracing.layer(), metrics.layer()))
        // Outside of both: a scrape is no request of a user.
        .route("/metrics", get_service(metrics.scrape_service())))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    Ok(axum::serve(listener, app()?).await?)
}
