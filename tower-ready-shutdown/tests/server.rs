//! The server of our own, over real sockets.

use std::{convert::Infallible, future::Future, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tower::ServiceBuilder;
use tower_ready_core::Instant;
use tower_ready_shutdown::{Lifecycle, Phase, Report, Server, Timings};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it takes too long")
}

async fn ok<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("ok")))
}

struct Running {
    lifecycle: Lifecycle,
    address: SocketAddr,
    run: JoinHandle<Report>,
}

/// Serves with what the test changes about the server.
async fn run(lame_duck: Duration, change: impl FnOnce(Server) -> Server) -> Running {
    let timings = Timings::new(lame_duck, PATIENCE);
    let lifecycle = Lifecycle::builder().timings(timings).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = ServiceBuilder::new().layer(lifecycle.layer()).service_fn(ok);
    let server = change(lifecycle.server()).serve(listener, service);
    let conducted = lifecycle.clone();
    let run = tokio::spawn(async move { conducted.run(server).await });
    lifecycle.phases().until(|phase| phase == Phase::Ready).await;
    Running { lifecycle, address, run }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        within(TcpStream::connect(self.address)).await.unwrap()
    }

    async fn leave(self) {
        self.lifecycle.close();
        let report = within(self.run).await.unwrap();
        assert!(report.is_clean(), "{report}");
    }

    /// A connection of HTTP/2 on which one request was answered, and its end.
    async fn http2(&self) -> (http2::SendRequest<Empty<Bytes>>, JoinHandle<Instant>) {
        let io = TokioIo::new(self.connect().await);
        let (mut send, connection) =
            within(http2::handshake(TokioExecutor::new(), io)).await.unwrap();
        let end = tokio::spawn(async move {
            let _ = connection.await;
            Instant::now()
        });
        ask(&mut send).await;
        (send, end)
    }
}

async fn ask(send: &mut http2::SendRequest<Empty<Bytes>>) {
    let request = Request::get("http://test/").body(Empty::new()).unwrap();
    let response = within(send.send_request(request)).await.unwrap();
    assert_eq!(within(response.into_body().collect()).await.unwrap().to_bytes(), "ok");
}

/// One request of HTTP/1.1, and its answer with the head; empty when the connection is closed.
async fn get(stream: &mut TcpStream) -> String {
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        match within(stream.read_buf(&mut answer)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    String::from_utf8(answer).unwrap()
}

/// Waits until the server closes, without sending anything.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    while within(stream.read_buf(&mut rest)).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let server = run(Duration::ZERO, |server| server.header_timeout(millis(100))).await;
    let mut idle = server.connect().await;
    assert!(get(&mut idle).await.starts_with("HTTP/1.1 200"));
    let mut half = server.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    let mut silent = server.connect().await;
    closed(&mut half).await;
    closed(&mut silent).await;
    assert!(get(&mut idle).await.starts_with("HTTP/1.1 200"), "an idle one may stay");
    server.leave().await;
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait() {
    let server = run(Duration::ZERO, |server| server.max_connections(1)).await;
    let mut first = server.connect().await;
    assert!(get(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = server.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    // The first goes on, and so the second had its time to be served.
    for _ in 0..20 {
        assert!(get(&mut first).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(server.lifecycle.connections(), 1);
    drop(first);
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        assert!(within(second.read_buf(&mut answer)).await.unwrap() > 0);
    }
    server.leave().await;
}

#[tokio::test]
async fn an_old_connection_of_http1_ends_with_an_answer() {
    let server = run(Duration::ZERO, |server| server.max_age(millis(50))).await;
    let mut stream = server.connect().await;
    let mut last = String::new();
    loop {
        let answer = get(&mut stream).await;
        if answer.is_empty() {
            break;
        }
        last = answer;
    }
    // It is told with an answer, or closed while it idles between two of them.
    assert!(last.starts_with("HTTP/1.1 200"), "{last}");
    let mut idle = server.connect().await;
    assert!(get(&mut idle).await.starts_with("HTTP/1.1 200"));
    closed(&mut idle).await;
    server.leave().await;
}

#[tokio::test]
async fn an_old_connection_of_http2_is_told_to_go() {
    let server = run(Duration::ZERO, |server| server.max_age(millis(50))).await;
    let (send, end) = server.http2().await;
    within(end).await.unwrap();
    assert!(send.is_closed());
    server.leave().await;
}

#[tokio::test]
async fn connections_of_http2_are_told_to_go_one_after_the_other() {
    let lame_duck = Duration::from_secs(2);
    let server = run(lame_duck, |server| server).await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(server.http2().await);
    }
    let began = Instant::now();
    server.lifecycle.drain();
    let mut ends = Vec::new();
    for (_, end) in &mut clients {
        ends.push(within(end).await.unwrap().since(began));
    }
    ends.sort();
    assert!(ends[39] - ends[0] > lame_duck / 5, "they all went together: {ends:?}");
    server.leave().await;
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let timings = Timings::new(Duration::ZERO, PATIENCE);
    let lifecycle = Lifecycle::builder().timings(timings).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = lifecycle.server().handshake_timeout(millis(50)).tls(|io| async move {
        std::future::pending::<()>().await;
        Ok(io)
    });
    let server = tls.serve(listener, ServiceBuilder::new().service_fn(ok));
    let conducted = lifecycle.clone();
    let run = tokio::spawn(async move { conducted.run(server).await });
    let mut stream = within(TcpStream::connect(address)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    closed(&mut stream).await;
    lifecycle.close();
    assert!(within(run).await.unwrap().is_clean());
}

#[cfg(unix)]
#[tokio::test]
async fn two_listeners_may_share_a_port() {
    use tower_ready_shutdown::handover::reuse_port;

    let first = reuse_port(([127, 0, 0, 1], 0).into()).unwrap();
    let address = first.local_addr().unwrap();
    let second = reuse_port(address).unwrap();
    drop(first);
    let connect = TcpStream::connect(address);
    let (accepted, connected) = within(async { tokio::join!(second.accept(), connect) }).await;
    assert_eq!(accepted.unwrap().1, connected.unwrap().local_addr().unwrap());
}
