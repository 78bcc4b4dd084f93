//! Authentication alone: a route for those with a scope, and one for everybody.
//!
//! `cargo run -p tower-ready-examples --example auth` prints a key; then
//! `curl -i -H 'x-api-key: KEY' localhost:3000/orders`, and the same without it.

use std::{error::Error, net::Ipv4Addr};

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tower_ready_auth::{ApiKeys, Auth, ConfigError, MemoryKeys, Policy, Principal};

/// Only those who have proved who they are come here, so there is a principal.
async fn orders(principal: Principal) -> String {
    format!("the orders of {}", principal.subject())
}

/// The service, and a key for it.
pub(crate) fn app() -> Result<(Router, String), ConfigError> {
    let store = MemoryKeys::new();
    let keys = ApiKeys::builder("acme", "live").store(store.clone()).build()?;
    // Shown once; what is kept is a digest.
    let (key, record) = keys.generate("alice")?;
    store.insert(record.scopes(["orders:read"]))?;

    let auth = Auth::builder().api_keys(keys).open(["/"]).build()?;
    let app = Router::new()
        .route("/orders", get(orders))
        .route_layer(Policy::scope("orders:read").layer())
        .route("/", get(async || "for everybody"))
        .layer(auth.layer());
    Ok((app, key.as_str().to_owned()))
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the key is for whoever starts this")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (app, key) = app()?;
    println!("an API key: {key}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    Ok(axum::serve(listener, app).await?)
}
