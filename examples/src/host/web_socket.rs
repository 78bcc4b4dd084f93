use std::{pin::pin, time::Duration};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::Response,
};
use tokio::time::timeout;
use tower_ready_shutdown::Lifecycle;

use crate::http::App;

const MAX_MESSAGE: usize = 1024 * 1024;

/// How long a client may take to answer our Close.
const GOODBYE: Duration = Duration::from_secs(1);

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

/// RFC 6455 §7.4.1: 1001 says that the server goes, so that the client connects to another.
async fn say_goodbye(mut socket: WebSocket) {
    let close = CloseFrame { code: close_code::AWAY, reason: "the server leaves".into() };
    // To a client that does not answer there is nothing more to say.
    let _ = timeout(GOODBYE, async {
        socket.send(Message::Close(Some(close))).await?;
        while socket.recv().await.is_some_and(|message| message.is_ok()) {}
        Ok::<_, axum::Error>(())
    })
    .await;
}
