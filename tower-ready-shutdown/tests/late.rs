//! What comes too late on a connection of HTTP/2 that ends.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_ready_shutdown::Lifecycle;

#[tokio::test]
async fn a_call_that_comes_too_late_does_not_cost_the_answer_before_it() {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut io, _) = lifecycle.listener(listener).accept().await;

    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    io.read_exact(&mut [0; 24]).await.unwrap();
    peer.write_all(b"too late").await.unwrap();
    io.write_all(&[7; 50_000]).await.unwrap();
    let ended = tokio::spawn(async move {
        io.shutdown().await.unwrap();
        drop(io);
    });

    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.len(), 50_000);
    // A peer that looks for errors first, as haproxy does, would not have read so far.
    assert!(peer.take_error().unwrap().is_none(), "it was reset");
    drop(peer);
    ended.await.unwrap();
    assert_eq!(lifecycle.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_ends_keeps_nobody() {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut io, _) = lifecycle.listener(listener).accept().await;
    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    io.read_exact(&mut [0; 24]).await.unwrap();
    io.shutdown().await.unwrap();
    drop(io);
    assert_eq!(lifecycle.connections(), 0);
}
