//! How long a request may take.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::{
    client::{call, get, within},
    server::{HTTP_HOSTS, PATIENCE, Server},
};

#[tokio::test]
async fn work_is_dropped_when_its_time_is_up() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let asked = call(server.address, Method::GET, "/slow?ms=600000");
        let asked = asked.header("x-request-timeout-ms", "50").send().await;
        assert_eq!(asked.assert_problem(504)["code"], "TIMEOUT", "{host}");
        let id = asked.header("x-request-id");
        server.logs(&["slow abandoned", id]);
        server.stop();

        let server = Server::start(host, &["--timeout", "50ms"]);
        get(server.address, "/slow?ms=600000").await.assert_problem(504);
        let greedy = call(server.address, Method::GET, "/slow?ms=600000");
        greedy.header("x-request-timeout-ms", "3600000").send().await.assert_problem(504);
        server.stop();
    }
}

#[tokio::test]
async fn what_lasts_is_not_cut() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--timeout", "50ms"]);
        let half = vec![b'x'; 1000];
        let head =
            "POST /echo HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 2000\r\n\r\n";
        let mut upload = TcpStream::connect(server.address).unwrap();
        upload.set_read_timeout(Some(PATIENCE)).unwrap();
        upload.write_all(&[head.as_bytes(), &half].concat()).unwrap();

        // Lines one by one take longer than the timeout, and the upload waits for the last of them.
        let lines = get(server.address, "/stream?chunks=5&every_ms=30").await;
        assert!(lines.body.ends_with(b"line 5\n"), "{host}");

        upload.write_all(&half).unwrap();
        let mut answer = Vec::new();
        upload.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{host}: {answer:?}");
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_grpc_timeout_ends_in_deadline_exceeded() {
    let server = Server::start("tonic", &[]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    // A client without a timer of its own, which tonic's would be.
    let (mut sender, connection) =
        within(http2::handshake(TokioExecutor::new(), TokioIo::new(stream))).await.unwrap();
    tokio::spawn(connection);
    // SlowRequest { ms: 600000 }
    let message = Bytes::from_static(b"\0\0\0\0\x04\x08\xc0\xcf\x24");
    let request = Request::post(format!("http://{}/orders.v1.Orders/Slow", server.address))
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "100m")
        .body(Full::new(message))
        .unwrap();
    let (head, body) = within(sender.send_request(request)).await.unwrap().into_parts();
    within(body.collect()).await.unwrap();
    assert_eq!(head.headers["grpc-status"], "4");
    server.logs(&["slow abandoned"]);
    server.stop();
}
