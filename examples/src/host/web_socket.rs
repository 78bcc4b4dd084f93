use std::pin::pin;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
};
use tower_ready_shutdown::{Lifecycle, streams::say_goodbye};

use crate::http::App;

const MAX_MESSAGE: usize = 1024 * 1024;

/// `GET /ws`: says back what it hears, until either side leaves.
pub(super) async fn web_socket(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(MAX_MESSAGE)
        .on_upgrade(async move |socket| echo(socket, &app.lifecycle).await)
}

async fn echo(mut socket: WebSocket, lifecycle: &Lifecycle) {
    // Not before nobody is accepted any more, so that the client does not come back here.
    let mut closing = pin!(lifecycle.closing());
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = &mut closing => return say_goodbye(socket).await,
        };
        // Pings are answered for us, and so is a Close, after which there is nothing to hear.
        let Some(Ok(message)) = message else { return };
        if matches!(message, Message::Text(_) | Message::Binary(_))
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}
