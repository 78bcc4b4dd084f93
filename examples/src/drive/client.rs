use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use super::tally::Tally;

/// Longer than any answer of a server that is well.
const PATIENCE: Duration = Duration::from_secs(15);

/// One client: one connection, one request after the other.
pub(super) struct Client {
    to: SocketAddr,
    path: String,
    token: String,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Client {
    pub(super) fn new(to: SocketAddr, path: &str, token: &str) -> Self {
        Self { to, path: path.to_owned(), token: token.to_owned(), connection: None }
    }

    /// Asks until then, as fast as answers come, or at this pace. With a pace the time counts from
    /// when a request was due, so that a server that stalls cannot hide it.
    pub(super) async fn ask(
        mut self,
        from: Instant,
        until: Instant,
        pace: Option<Duration>,
    ) -> Tally {
        let mut tally = Tally::default();
        let mut due = from;
        while due < until {
            if pace.is_some() {
                sleep_until(due).await;
            }
            let status = timeout(PATIENCE, self.once()).await.ok().flatten();
            if status.is_none() {
                self.connection = None;
            }
            let now = Instant::now();
            tally.add(status, now - due);
            due = pace.map_or(now, |pace| due + pace);
            if status.is_none() {
                // Who finds nobody there does not knock a million times.
                tokio::time::sleep(Duration::from_millis(10)).await;
                due = due.max(Instant::now());
            }
        }
        tally
    }

    /// One request to its end: its status, or nothing if it broke.
    pub(super) async fn once(&mut self) -> Option<u16> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.to).await.ok()?;
            stream.set_nodelay(true).ok()?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let sender = self.connection.as_mut()?;
        sender.ready().await.ok()?;
        let request = Request::get(&self.path).header(HOST, "orders");
        let request = match &*self.token {
            "" => request,
            token => request.header("authorization", format!("Bearer {token}")),
        };
        let answer = sender.send_request(request.body(Empty::new()).ok()?).await.ok()?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.ok()?;
        Some(status)
    }
}
