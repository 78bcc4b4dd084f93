//! The limiter alone, on the one route that needs it.
//!
//! `cargo run -p tower-ready-examples --example ratelimit`, then `curl -i localhost:3000/search` a
//! few times.

use std::{error::Error, net::Ipv4Addr, net::SocketAddr};

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tower_ready_ratelimit::{ConfigError, Policy, Quota, RateLimiter, key::Address};

pub(crate) fn app() -> Result<Router, ConfigError> {
    // Made once. Each layer is a handle of it, so all connections have one limit.
    let limiter = RateLimiter::builder()
        .policy(Policy::new("search", Quota::per_minute(60).burst(3)).key(Address::peer().axum()))
        .build()?;
    let search = get(async || "found").layer(limiter.layer());
    Ok(Router::new().route("/search", search).route("/", get(async || "as often as you like")))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    // The address of the peer is what the limit counts by.
    let service = app()?.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).await?)
}
