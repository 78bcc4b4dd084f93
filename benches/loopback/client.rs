//! Clients that ask again as soon as they have their answer.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::{JoinSet, yield_now},
    time::{Instant, timeout_at},
};

use crate::{
    process::Process,
    server::Host,
    stacks::{CHECK, EMPTY_MESSAGE, ORDER},
};

/// How many ask at the same time.
const CLIENTS: usize = 32;
/// Over how many connections, where one carries several.
const CONNECTIONS: usize = 4;

const HEADERS: [(&str, &str); 7] = [
    ("user-agent", "client/1.0"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, br"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-request-id", "0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
];

/// How many answers came in this time.
pub(crate) fn keep_busy(server: &Process, time: Duration) -> u64 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (address, token) = (server.address, server.token.as_str());
    runtime.block_on(async {
        // So that this thread never sleeps: a server would pay for waking it, and one that takes its
        // time more often than one that is as fast as its clients.
        tokio::spawn(async {
            loop {
                yield_now().await;
            }
        });
        let mut clients = JoinSet::new();
        match server.kind.0 {
            Host::Axum | Host::Hyper => {
                let request = Bytes::from(http1(token));
                for _ in 0..CLIENTS {
                    clients.spawn(ask_http1(address, request.clone(), time));
                }
            }
            Host::Tonic => {
                for _ in 0..CONNECTIONS {
                    let connection = connect_http2(address).await;
                    for _ in 0..CLIENTS / CONNECTIONS {
                        clients.spawn(ask_grpc(connection.clone(), grpc(token), time));
                    }
                }
            }
        }
        clients.join_all().await.iter().sum()
    })
}

fn http1(token: &str) -> String {
    let mut text = format!("GET {ORDER}?full=true HTTP/1.1\r\nhost: orders.example.com\r\n");
    for (name, value) in HEADERS {
        text += &format!("{name}: {value}\r\n");
    }
    text + &format!("authorization: Bearer {token}\r\n\r\n")
}

/// By hand, since a client that understands more would take the time of the server's.
async fn ask_http1(address: SocketAddr, request: Bytes, time: Duration) -> u64 {
    let mut io = TcpStream::connect(address).await.unwrap();
    io.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 4_096];
    let end = Instant::now() + time;
    for answers in 0.. {
        let answer = async {
            io.write_all(&request).await.unwrap();
            let mut read = 0;
            while !buffer[..read].ends_with(b"\r\n\r\nok") {
                let more = io.read(&mut buffer[read..]).await.unwrap();
                assert!(more > 0, "broken off: {}", String::from_utf8_lossy(&buffer[..read]));
                read += more;
            }
            assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        };
        if timeout_at(end, answer).await.is_err() {
            return answers;
        }
    }
    unreachable!("the time has an end")
}

type Sender = http2::SendRequest<Full<Bytes>>;

async fn connect_http2(address: SocketAddr) -> Sender {
    let io = TcpStream::connect(address).await.unwrap();
    io.set_nodelay(true).unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(async { connection.await.is_ok() });
    sender
}

fn grpc(token: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("http://orders.example.com{CHECK}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc+proto")
        .header("authorization", format!("Bearer {token}"));
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from_static(EMPTY_MESSAGE))).unwrap()
}

async fn ask_grpc(mut sender: Sender, request: Request<Full<Bytes>>, time: Duration) -> u64 {
    let end = Instant::now() + time;
    for answers in 0.. {
        let answer = async {
            sender.ready().await.unwrap();
            let answer = sender.send_request(request.clone()).await.unwrap();
            let body = answer.into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        };
        if timeout_at(end, answer).await.is_err() {
            return answers;
        }
    }
    unreachable!("the time has an end")
}
