//! gRPC callers behind layers that know only HTTP, and one that answers for itself.
//!
//! Run with `cargo run -p tower-ready-problem --all-features --example interop_grpc -- 50051`
//! (0 picks a free port), and call it with any gRPC client:
//!
//! ```text
//! grpcurl -plaintext -d '' 127.0.0.1:50051 probe.v1.Probe/Bare429
//! ```
//!
//! It ends when its standard input does. `cargo xtask interop grpcio` drives it with Python.

use std::{
    env,
    io::{self, Read, Write},
    net::Ipv4Addr,
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{StatusCode, header::RETRY_AFTER};
use tokio::{net::TcpListener, sync::oneshot};
use tower::{ServiceBuilder, timeout::TimeoutLayer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_ready_problem::{Caller, Problem, ProblemLayer, Problems, types};

/// Answers as a rate limiter of ours does.
async fn reject(request: Request) -> Response {
    let pushback = request.headers().get("x-pushback-ms").and_then(|value| value.to_str().ok());
    let pushback = pushback.and_then(|millis| millis.parse().ok()).unwrap_or(3_000);
    let problem = Problem::new(&types::QUOTA_EXCEEDED)
        .detail("quota spent: 100 % of 5 ✓")
        .violated_policy("principal")
        .violation("/item", "must not be empty")
        .retry_after(Duration::from_millis(pushback));
    problem.answer(&Caller::of(&request)).map(axum::body::Body::from)
}

/// Answers as a limiter does that has never heard of gRPC.
async fn bare_429() -> impl IntoResponse {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "3")], "slow down")
}

async fn panics() {
    panic!("do not show this: K-4711");
}

async fn hangs() {
    std::future::pending::<()>().await;
}

fn app(problems: &Problems) -> Router {
    // The errors of a foreign layer are answered right outside of it.
    let timeout = ServiceBuilder::new()
        .layer(problems.layer())
        .layer(TimeoutLayer::new(Duration::from_millis(100)));
    Router::new()
        .route("/probe.v1.Probe/Reject", post(reject))
        .route("/probe.v1.Probe/RejectStream", post(reject))
        .route("/probe.v1.Probe/Bare429", post(bare_429))
        .route("/probe.v1.Probe/CatchPanic", post(panics).layer(CatchPanicLayer::new()))
        .route("/probe.v1.Probe/Timeout", post(hangs).layer(timeout))
        .layer(ProblemLayer::new(problems.clone()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = env::args().nth(1).map_or(Ok(50051), |port| port.parse())?;
    let problems = Problems::builder().domain("tower-ready.example").build()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;

    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        // Nobody is left to hear of it when the server has ended by itself.
        let _ = stop.send(());
    });
    // The end of the input and the loss of its thread are the same to us.
    let stopped = async { stopped.await.unwrap_or_default() };
    Ok(axum::serve(listener, app(&problems)).with_graceful_shutdown(stopped).await?)
}
