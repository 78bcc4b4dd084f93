//! The second socket, for operators.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::State,
    routing::{get_service, post},
};
use http::StatusCode;
use tokio::net::TcpListener;
use tower_ready_shutdown::health::Detail;

use super::profile;
use crate::{http::App, stack::Stack};

/// Serves the admin routes until the process ends, so that it can be watched to the last.
pub(super) async fn serve(listener: TcpListener, stack: Stack, app: App) {
    // Whoever guesses at a token is told apart by where they come from.
    let service = router(&stack, app).into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "the admin socket failed");
    }
}

fn router(stack: &Stack, app: App) -> Router {
    let pages = get_service(app.problems.pages());
    let health = stack.health();
    Router::new()
        .route("/metrics", get_service(stack.metrics().scrape_service()))
        // In full: the names of what we depend on, and the errors, are for operators alone.
        .route("/livez", get_service(health.live().detail(Detail::Full)))
        .route("/readyz", get_service(health.ready().detail(Detail::Full)))
        .route("/startupz", get_service(health.startup().detail(Detail::Full)))
        .route("/problems", pages.clone())
        .route("/problems/{name}", pages)
        .route("/drain", post(drain))
        // It costs what it measures, and says how we are built: not for whoever reaches the socket.
        .merge(profile::router(stack.auth()))
        .layer(app.problems.layer())
        .with_state(app)
}

async fn drain(State(app): State<App>) -> StatusCode {
    tracing::info!("an operator asks for the end");
    app.lifecycle.drain();
    StatusCode::ACCEPTED
}
