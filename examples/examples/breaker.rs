//! A breaker alone, around what a handler asks of a database that has gone away.
//!
//! `cargo run -p tower-ready-examples --example breaker`, then `curl -i localhost:3000/count` a few
//! times: three times it fails, and then it is not asked any more.

use std::{error::Error, io, net::Ipv4Addr};

use axum::{Router, extract::State, routing::get};
use tokio::net::TcpListener;
use tower_ready_breaker::{Breaker, BreakerError, ConfigError};
use tower_ready_problem::{Problem, ProblemLayer};

/// A query, of which the database says that it is not there.
async fn query() -> Result<u64, io::Error> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

async fn count(State(orders): State<Breaker>) -> Result<String, Problem> {
    match orders.run(query()).await {
        Ok(count) => Ok(count.to_string()),
        // 503, with the time after which it is worth another try.
        Err(BreakerError::Rejected(rejected)) => Err(rejected.problem()),
        Err(BreakerError::Inner(error)) => Err(error.into()),
    }
}

pub(crate) fn app() -> Result<Router, ConfigError> {
    let orders = Breaker::builder("orders-db").consecutive_failures(3).build()?;
    Ok(Router::new().route("/count", get(count)).layer(ProblemLayer::default()).with_state(orders))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    Ok(axum::serve(listener, app()?).await?)
}
