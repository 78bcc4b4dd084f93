//! The service on axum.

use std::{net::SocketAddr, process::ExitCode};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{get, get_service, post},
    serve::ListenerExt,
};
use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tower_ready_problem::Problem;

use super::{start, web_socket::web_socket};
use crate::{
    http::{self as routes, App, Body, FailQuery, SlowQuery, StreamQuery},
    stack::Stack,
};

/// The binary `axum`.
pub async fn main() -> ExitCode {
    start::start("127.0.0.1:3000", super::curl, serve).await
}

/// Serves until the end has begun and the last request is answered.
pub(crate) async fn serve(listener: TcpListener, stack: Stack, app: App) {
    let leave = app.leave.clone();
    // Else a small answer may wait 40 ms for the acknowledgement of the one before.
    let listener = listener.tap_io(|io| {
        let _ = io.set_nodelay(true);
    });
    // The limit by address needs the address of the peer.
    let service = router(&stack, app).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(leave.begins());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the server failed");
    }
}

fn router(stack: &Stack, app: App) -> Router {
    let pages = get_service(app.problems.pages());
    Router::new()
        .route("/", get(async || routes::index()))
        .route("/orders", post(create))
        .route("/orders/{id}", get(order))
        .route("/slow", get(slow))
        .route("/fail", get(async |Query(query): Query<FailQuery>| routes::fail(query)))
        .route("/panic", get(async || routes::panics()))
        .route("/stream", get(async |Query(query): Query<StreamQuery>| routes::stream(query)))
        .route("/events", get(events))
        .route("/ws", get(web_socket))
        .route("/echo", post(async |body: Bytes| routes::echo(body)))
        .route("/problems", pages.clone())
        .route("/problems/{name}", pages)
        // All layers in one `layer`: axum boxes the service at each.
        .layer(stack.http_layers())
        .with_state(app)
}

async fn order(State(app): State<App>, Path(id): Path<u64>, headers: HeaderMap) -> Response<Body> {
    routes::order(&app, id, &headers)
}

/// What is no JSON, axum refuses with a text, of which the stack makes a problem; what is no order,
/// the domain refuses with one.
async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response<Body>, Problem> {
    routes::create(&app, &headers, &body)
}

async fn slow(Query(query): Query<SlowQuery>, headers: HeaderMap) -> Response<Body> {
    routes::slow(query, &headers).await
}

async fn events(State(app): State<App>) -> Response<Body> {
    routes::events(&app.leave)
}
