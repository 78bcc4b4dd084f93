//! How long it may take.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use http::Method;
use tokio::task::spawn_blocking;
use tower_ready_deadline::Deadlines;

use crate::{
    client::call,
    finding::{finding_in_time, holds},
    service::{handlers, serve},
};

#[tokio::test]
async fn no_timeouts() {
    let deadlines = Deadlines::builder().timeout(Duration::from_millis(100)).build().unwrap();
    let protected = serve(handlers().layer(deadlines.layer())).await;
    finding_in_time(serve(handlers()).await, protected, async |server, patience| {
        let answer = call(server, Method::GET, "/slow").attempt(patience).await;
        let answer = answer.map(|answer| answer.status.as_u16());
        holds(answer == Some(504), format!("what hangs is waited for: {answer:?}"))
    })
    .await;
}

#[tokio::test]
async fn uploads_without_end_hold_connections() {
    let deadlines = Deadlines::builder().upload_idle(Duration::from_millis(100)).build().unwrap();
    let protected = serve(handlers().layer(deadlines.uploads())).await;
    finding_in_time(serve(handlers()).await, protected, async |server, patience| {
        let answered = spawn_blocking(move || {
            let mut upload = TcpStream::connect(server).unwrap();
            upload.set_read_timeout(Some(patience)).unwrap();
            let head =
                b"POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\n\r\nand then nothing";
            upload.write_all(head).unwrap();
            let mut answer = [0; 12];
            upload.read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 408"
        });
        holds(answered.await.unwrap(), "an upload that says nothing more keeps its connection")
    })
    .await;
}
