//! An HTTP client, and what it shows of an exchange.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::seen::{Fault, Seen};

/// The headers that are worth a look at any answer.
const SHOWN: [&str; 6] =
    ["content-type", "location", "allow", "accept", "www-authenticate", "retry-after"];

/// A longer body is not for eyes.
const MAX_SHOWN: usize = 2_000;

/// A request of the tour.
#[derive(Clone, Debug)]
pub(super) struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    watched: &'static [&'static str],
}

/// The answer to it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    call: Call,
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Bytes::new(), watched: &[] }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With this token.
    pub(super) fn by(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Also shows these headers of the answer.
    pub(super) const fn watching(mut self, headers: &'static [&'static str]) -> Self {
        self.watched = headers;
        self
    }

    /// Comes through a proxy that the stack trusts, and that names this client.
    pub(super) fn from(self, client: &str) -> Self {
        self.header("x-forwarded-for", client)
    }

    pub(super) fn is_from_somebody(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == "x-forwarded-for")
    }

    /// Opens a connection of its own, and returns as soon as there is a head.
    pub(super) async fn open(&self, to: SocketAddr) -> Result<Response<Incoming>, Fault> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the exchange, and its errors are those of the exchange.
        tokio::spawn(connection);
        let mut request =
            Request::builder().method(&self.method).uri(&self.path).header(HOST, to.to_string());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(self.body.clone()))?;
        Ok(sender.send_request(request).await?)
    }

    /// Sends it on a connection of its own.
    pub(super) async fn send(self, to: SocketAddr) -> Result<Answer, Fault> {
        let (head, body) = self.open(to).await?.into_parts();
        Ok(Answer {
            call: self,
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} {}", self.method, self.path)];
        let headers = self.headers.iter();
        lines.extend(headers.map(|(name, value)| match *name {
            // A credential is nothing to show, and long.
            "authorization" | "x-api-key" => format!("{name}: {value:.22}…"),
            _ => format!("{name}: {value}"),
        }));
        if !self.body.is_empty() {
            lines.push(shown(&self.body));
        }
        lines
    }
}

impl Answer {
    /// The answer, shown as one to another form of the call.
    pub(super) fn to(mut self, call: Call) -> Self {
        self.call = call;
        self
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What the body has at a JSON pointer.
    pub(super) fn at(&self, pointer: &str) -> Value {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.pointer(pointer).cloned().unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether it is a problem of this status that names the request's id.
    pub(super) fn is_problem(&self, status: u16) -> bool {
        self.status == status
            && self.header("content-type") == "application/problem+json"
            && self.at("/status") == status
            && self.at("/request_id") == self.header("x-request-id")
    }

    /// What there is to see.
    pub(super) fn seen(&self) -> Seen {
        let mut got = vec![self.status.to_string()];
        let headers = SHOWN.iter().chain(self.call.watched);
        let headers = headers.map(|name| (name, self.header(name)));
        let headers = headers.filter(|(_, value)| !value.is_empty());
        got.extend(headers.map(|(name, value)| format!("{name}: {value}")));
        if !self.body.is_empty() {
            got.push(shown(&self.body));
        }
        Seen { sent: self.call.lines(), got, gist: self.status.to_string(), checks: Vec::new() }
    }

    /// The same, and that it is a problem of this status.
    pub(super) fn seen_problem(&self, status: u16) -> Seen {
        let seen = self.seen();
        seen.check(format!("a problem with {status} and the request's id"), self.is_problem(status))
    }
}

fn shown(body: &[u8]) -> String {
    match body.len() {
        0..=MAX_SHOWN => String::from_utf8_lossy(body).trim_end().to_owned(),
        bytes => format!("({bytes} bytes)"),
    }
}
