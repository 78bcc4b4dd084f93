//! The service on axum.

use std::{convert::Infallible, net::SocketAddr, process::ExitCode};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, Query, State},
    routing::{get, get_service, post},
};
use http::{Response, request::Parts};
use serde_json::Value;
use tokio::net::TcpListener;
use tower_ready_problem::Problem;

use super::{start, web_socket::web_socket};
use crate::{
    access::Access,
    http::{self as routes, App, Body, FailQuery, SlowQuery, StreamQuery},
    orders::Asker,
    stack::Stack,
};

/// The binary `axum`.
pub async fn main() -> ExitCode {
    start::start("axum", "127.0.0.1:3000", super::curl, serve).await
}

/// Serves until the end has begun and the last request is answered.
pub(crate) async fn serve(listener: TcpListener, stack: Stack, app: App) {
    let lifecycle = app.lifecycle.clone();
    // The limit by address needs the address of the peer.
    let service = router(&stack, app).into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = lifecycle.serve_axum(listener, service).await {
        tracing::error!(%error, "the server failed");
    }
}

fn router(stack: &Stack, app: App) -> Router {
    let pages = get_service(app.problems.pages());
    Router::new()
        .route("/", get(async || routes::index()))
        // What a route asks of its caller stands at the route.
        .route("/orders", post(create).route_layer(Access::Write.policy().layer()))
        .route("/orders/{id}", get(order).route_layer(Access::Read.policy().layer()))
        .route("/admin/report", get(report).route_layer(Access::Admin.policy().layer()))
        .route("/slow", get(slow))
        .route("/fail", get(async |Query(query): Query<FailQuery>| routes::fail(query)))
        .route("/panic", get(async || routes::panics()))
        .route("/stream", get(async |Query(query): Query<StreamQuery>| routes::stream(query)))
        .route("/events", get(events))
        .route("/ws", get(web_socket))
        .route("/upstream/{*path}", get(upstream))
        .route("/echo", post(async |body: axum::body::Body| routes::echo(body).await))
        .route("/problems", pages.clone())
        .route("/problems/{name}", pages)
        // All layers in one `layer`: axum boxes the service at each.
        .layer(stack.http_layers())
        .with_state(app)
}

async fn order(State(app): State<App>, Path(id): Path<u64>, asker: Asker) -> Response<Body> {
    routes::order(&app, id, asker)
}

/// What is no JSON, axum refuses with a text, of which the stack makes a problem; what is no order,
/// the domain refuses with one.
async fn create(
    State(app): State<App>,
    asker: Asker,
    Json(body): Json<Value>,
) -> Result<Response<Body>, Problem> {
    routes::create(&app, asker, &body)
}

async fn report(State(app): State<App>, asker: Asker) -> Response<Body> {
    routes::report(&app, asker)
}

async fn slow(Query(query): Query<SlowQuery>, asker: Asker) -> Response<Body> {
    routes::slow(query, asker).await
}

async fn events(State(app): State<App>) -> Response<Body> {
    routes::events(&app.lifecycle)
}

async fn upstream(State(app): State<App>, head: Parts) -> Result<Response<Body>, Problem> {
    // As it was sent: what is escaped in it is for the upstream to read.
    let path = head.uri.path().strip_prefix("/upstream/").unwrap_or_default().to_owned();
    routes::upstream(&app, &path, &head).await
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(routes::asker(&head.headers, &head.extensions))
    }
}
