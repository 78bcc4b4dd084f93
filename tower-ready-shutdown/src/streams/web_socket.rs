use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::time::timeout;

/// How long a client may take to answer our Close.
const CLOSE: Duration = Duration::from_secs(2);

/// Closes a WebSocket with 1001, "going away", and waits two seconds at most for the client to
/// answer that.
///
/// ```
/// use axum::extract::ws::WebSocket;
/// use tower_ready_shutdown::{Lifecycle, streams::say_goodbye};
///
/// async fn echo(mut socket: WebSocket, lifecycle: Lifecycle) {
///     loop {
///         let message = tokio::select! {
///             message = socket.recv() => message,
///             () = lifecycle.draining() => return say_goodbye(socket).await,
///         };
///         let Some(Ok(message)) = message else { return };
///         if socket.send(message).await.is_err() {
///             return;
///         }
///     }
/// }
/// ```
pub async fn say_goodbye(mut socket: WebSocket) {
    // RFC 6455 §7.4.1: the server goes, so that the client connects to another.
    let close = CloseFrame { code: close_code::AWAY, reason: "the server leaves".into() };
    // To a client that does not answer there is nothing more to say.
    let _ = timeout(CLOSE, async {
        if socket.send(Message::Close(Some(close))).await.is_ok() {
            while socket.recv().await.is_some_and(|message| message.is_ok()) {}
        }
    })
    .await;
}
