//! WebSockets are told that the server goes, and keep nobody who does not listen.

use std::time::Duration;

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    routing::any,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower_ready_shutdown::{Lifecycle, Phase, Timings, streams::say_goodbye};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn echo(mut socket: WebSocket, lifecycle: Lifecycle) {
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = lifecycle.draining() => return say_goodbye(socket).await,
        };
        let Some(Ok(message)) = message else { return };
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A client whose upgrade is done.
async fn open(
    lifecycle: &Lifecycle,
) -> (TcpStream, impl Future<Output = std::io::Result<()>> + Send + use<>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let leaving = lifecycle.clone();
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| echo(socket, leaving))
    };
    let app = Router::new().route("/", any(upgrade)).layer(lifecycle.layer());
    let server = lifecycle.serve_axum(listener, app);
    let request = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    (client, server)
}

async fn upgraded(client: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(timeout(PATIENCE, client.read_buf(&mut head)).await.unwrap().unwrap() > 0);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
}

fn lifecycle() -> Lifecycle {
    let timings = Timings::new(Duration::ZERO, PATIENCE);
    Lifecycle::builder().timings(timings).build().unwrap()
}

#[tokio::test]
async fn a_web_socket_is_closed_with_1001() {
    for answers in [true, false] {
        let lifecycle = lifecycle();
        let (mut client, server) = open(&lifecycle).await;
        let conducted = lifecycle.clone();
        let run = tokio::spawn(async move { conducted.run(server).await });
        upgraded(&mut client).await;
        assert_eq!(lifecycle.connections(), 1);
        lifecycle.drain();
        // RFC 6455 §5.5.1: a final frame with opcode 8, and the code as its first two bytes.
        let mut close = [0; 4];
        timeout(PATIENCE, client.read_exact(&mut close)).await.unwrap().unwrap();
        assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, 1001));
        if answers {
            // A client masks what it sends; with a mask of zeros it stays what it is.
            let answer = [0x88, 0x82, 0, 0, 0, 0, close[2], close[3]];
            client.write_all(&answer).await.unwrap();
        }
        let report = timeout(PATIENCE, run).await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(lifecycle.phase(), Phase::Stopped);
        assert!(report.took() < Duration::from_secs(15), "it waited for a deaf client: {report}");
    }
}
