//! The problem layer alone: errors in one form, whoever made them.
//!
//! `cargo run -p tower-ready-examples --example problem`, then `curl -i localhost:3000/orders/700`

use std::net::Ipv4Addr;

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tower_ready_problem::{Problem, ProblemLayer, ProblemType};

static OUT_OF_STOCK: ProblemType =
    ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");

/// A fault that callers shall know is a problem; with `?` any error becomes one that hides its text.
async fn order(Path(id): Path<u64>) -> Result<String, Problem> {
    if id > 100 {
        let problem = Problem::new(&OUT_OF_STOCK).detail("no teapot is left");
        return Err(problem.internal("shelf 4711 is empty"));
    }
    let teapots = u8::try_from(id * 10)?;
    Ok(format!("{teapots} teapots"))
}

pub(crate) fn app() -> Router {
    // Outside of every route: 404, 405, extractors and panics become problems too.
    Router::new().route("/orders/{id}", get(order)).layer(ProblemLayer::default())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    axum::serve(listener, app()).await
}
