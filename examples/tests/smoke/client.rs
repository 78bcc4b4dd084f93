//! Clients: one that speaks HTTP, and one that speaks whatever it wants.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::server::{PATIENCE, Server};

/// A request, sent on a connection of its own.
pub(crate) struct Call {
    request: http::request::Builder,
    body: Bytes,
    to: SocketAddr,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) fn call(to: SocketAddr, method: Method, path: &str) -> Call {
    let request = Request::builder().method(method).uri(path);
    Call { request: request.header(HOST, to.to_string()), body: Bytes::new(), to }
}

pub(crate) async fn get(to: SocketAddr, path: &str) -> Answer {
    call(to, Method::GET, path).send().await
}

/// Reads an order with this token.
pub(crate) async fn order_7(to: SocketAddr, token: &str) -> Answer {
    call(to, Method::GET, "/orders/7").by(token).send().await
}

/// Orders something, as a server's own token may.
pub(crate) async fn order(server: &Server, media_type: &str, body: &'static str) -> Answer {
    let call = call(server.address, Method::POST, "/orders").header("content-type", media_type);
    call.by(&server.token).body(body).send().await
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With this token.
    pub(crate) fn by(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it, and returns as soon as there is a head.
    pub(crate) async fn open(self) -> http::Response<Incoming> {
        within(self.head()).await.unwrap()
    }

    /// Sends it, and waits for an answer for this long: there is none if the connection breaks.
    #[allow(dead_code, reason = "for the audits, which share this file")]
    pub(crate) async fn attempt(self, patience: Duration) -> Option<Answer> {
        let answer = async {
            let (head, body) = self.head().await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(patience, answer).await.ok().flatten()
    }

    async fn head(self) -> hyper::Result<http::Response<Incoming>> {
        let stream = tokio::net::TcpStream::connect(self.to).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(self.request.body(Full::new(self.body)).unwrap()).await
    }

    pub(crate) async fn send(self) -> Answer {
        let (head, body) = self.open().await.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: within(body.collect()).await.unwrap().to_bytes(),
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    /// Expects a problem of this status that carries the id of its request.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(!self.header("x-request-id").is_empty());
        problem
    }
}

/// Sends these bytes and then an end, and returns all that comes back before the end or the reset of
/// the connection. Hosts may take that end for the client's leave, and answer nothing.
pub(crate) fn raw(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    exchange(to, bytes, true)
}

/// The same without an end: for a request that is whole and says `connection: close`.
pub(crate) fn raw_whole(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    exchange(to, bytes, false)
}

fn exchange(to: SocketAddr, bytes: &[u8], ends: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // A server that refuses need not read to the end.
    let _ = stream.write_all(bytes);
    if ends {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let is_timeout = error.kind() == std::io::ErrorKind::WouldBlock;
        assert!(!is_timeout, "no end after {:?}", String::from_utf8_lossy(bytes));
    }
    answer
}

/// What a future resolves to, within a bound.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    let timely = tokio::time::timeout(PATIENCE, future).await;
    timely.unwrap_or_else(|_| panic!("no end within {PATIENCE:?}"))
}
