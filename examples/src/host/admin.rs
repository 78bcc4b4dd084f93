//! The second socket, for operators.

use axum::{
    Router,
    extract::State,
    routing::{get_service, post},
};
use http::StatusCode;
use tokio::net::TcpListener;

use crate::http::App;

/// Serves the admin routes until the end has begun, where a socket for them was asked for.
pub(super) async fn serve(listener: Option<TcpListener>, app: App) {
    let Some(listener) = listener else { return };
    let leave = app.leave.clone();
    let serving = axum::serve(listener, router(app)).with_graceful_shutdown(leave.begins());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the admin socket failed");
    }
}

fn router(app: App) -> Router {
    let pages = get_service(app.problems.pages());
    Router::new()
        .route("/problems", pages.clone())
        .route("/problems/{name}", pages)
        .route("/drain", post(drain))
        .layer(app.problems.layer())
        .with_state(app)
}

async fn drain(State(app): State<App>) -> StatusCode {
    tracing::info!("leaving: an operator asked for it");
    app.leave.begin();
    StatusCode::ACCEPTED
}
