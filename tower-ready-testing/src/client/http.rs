//! A caller over HTTP/1.1.

use std::{
    fmt, mem,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Uri, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::{
    Error,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    Call, Reply,
    call::{Route, Target},
    probe::to_query,
    reply::Head,
};

/// Connections that wait for the next call.
#[derive(Clone)]
pub(super) struct HttpClient {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<Connection>>>,
}

type Connection = SendRequest<Full<Bytes>>;

/// A call whose answer has begun.
pub(super) struct HttpExchange {
    client: HttpClient,
    connection: Option<Connection>,
    body: Option<Incoming>,
    unread: BytesMut,
    reply: Reply,
}

// === impl HttpClient ===

impl HttpClient {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default() }
    }

    pub(super) async fn open(&self, call: Call) -> HttpExchange {
        let mut exchange = HttpExchange::new(self.clone());
        match self.send(self.to_request(call)).await {
            Ok((connection, response)) => {
                let (parts, body) = response.into_parts();
                exchange.reply.head = Some(Head { status: parts.status, headers: parts.headers });
                exchange.connection = Some(connection);
                exchange.body = Some(body);
            }
            Err(error) => exchange.reply.broken = Some(describe(&error)),
        }
        exchange
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Connection, http::Response<Incoming>), Error> {
        let mut connection = self.connection().await?;
        let response = connection.send_request(request).await?;
        Ok((connection, response))
    }

    async fn connection(&self) -> Result<Connection, Error> {
        while let Some(mut connection) = self.pop_idle() {
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let stream = TcpStream::connect(self.address).await.expect("the server listens");
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends by itself: at the latest when the last handle of the connection is dropped.
        tokio::spawn(driver);
        Ok(connection)
    }

    // A function of its own, so that the lock is not held over an await.
    fn pop_idle(&self) -> Option<Connection> {
        self.idle.lock().expect("never poisoned").pop()
    }

    fn to_request(&self, call: Call) -> Request<Full<Bytes>> {
        let path = match call.target {
            Target::Path(path) => path,
            Target::Route(route) => path_of(route, call.behaviour.chunks.is_some()).to_owned(),
        };
        let query = to_query(&call.behaviour);
        let link = if path.contains('?') { '&' } else { '?' };
        let target = if query.is_empty() { path } else { format!("{path}{link}{query}") };
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        *request.uri_mut() = target.parse::<Uri>().expect("a path");
        *request.headers_mut() = call.headers;
        if !request.headers().contains_key(HOST) {
            let host = self.address.to_string().parse().expect("an address is a header value");
            request.headers_mut().insert(HOST, host);
        }
        request
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("address", &self.address).finish_non_exhaustive()
    }
}

const fn path_of(route: Route, stream: bool) -> &'static str {
    match (route, stream) {
        (Route::A, false) => "/probe/a",
        (Route::A, true) => "/probe/stream",
        (Route::B, _) => "/probe/b",
        (Route::C, _) => "/probe/c",
    }
}

// === impl HttpExchange ===

impl HttpExchange {
    fn new(client: HttpClient) -> Self {
        Self {
            client,
            connection: None,
            body: None,
            unread: BytesMut::new(),
            reply: Reply::nothing(),
        }
    }

    /// The next line of a good answer.
    pub(super) async fn message(&mut self) -> Option<String> {
        let head = self.reply.head.as_ref()?;
        if !head.status.is_success() {
            return None;
        }
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line = self.unread.split_to(end + 1);
                let text = String::from_utf8_lossy(&line[..end]).into_owned();
                self.reply.messages.push(text.clone());
                return Some(text);
            }
            self.frame().await?;
        }
    }

    pub(super) async fn finish(mut self) -> Reply {
        while self.message().await.is_some() {}
        while self.frame().await.is_some() {}
        if let Some(mut connection) = self.connection.take()
            && self.reply.broken.is_none()
            && connection.ready().await.is_ok()
        {
            self.client.idle.lock().expect("never poisoned").push(connection);
        }
        self.reply
    }

    /// Reads one frame. Bytes are kept twice: as they came, and as lines that nobody has read yet.
    async fn frame(&mut self) -> Option<()> {
        match self.body.as_mut()?.frame().await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => {
                    self.unread.extend_from_slice(&data);
                    let mut body = BytesMut::from(mem::take(&mut self.reply.body));
                    body.extend_from_slice(&data);
                    self.reply.body = body.freeze();
                }
                Err(other) => {
                    let trailers = other.into_trailers().unwrap_or_else(|_| HeaderMap::new());
                    self.reply.trailers.extend(trailers);
                }
            },
            Err(error) => {
                self.reply.broken = Some(describe(&error));
                self.body = None;
            }
        }
        Some(())
    }
}

fn describe(error: &Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
