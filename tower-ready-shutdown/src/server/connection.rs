//! One connection, and when it is told to go.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{sleep, timeout},
};
use tower_service::Service;

use super::{BoxError, Handshake, Settings};
use crate::{Lifecycle, OnConnection, TrackedIo, connection::Connection, ramp};

/// Serves one connection to its end.
pub(super) async fn serve<I, H, S, B>(
    io: TrackedIo<I>,
    handshake: &H,
    settings: Settings,
    hyper: &auto::Builder<TokioExecutor>,
    service: S,
    goodbye: Goodbye,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handshake<TrackedIo<I>>,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let record = Arc::clone(&goodbye.connection);
    // A client that breaks off, here or below, is no event.
    let Ok(Ok(io)) = timeout(settings.handshake_timeout, handshake.handshake(io)).await else {
        return;
    };
    let service = TowerToHyperService::new(OnConnection::new(service, record));
    let mut connection = pin!(hyper.serve_connection_with_upgrades(TokioIo::new(io), service));
    let patience = tokio::select! {
        _ = connection.as_mut() => return,
        patience = goodbye.said() => patience,
    };
    connection.as_mut().graceful_shutdown();
    match patience {
        None => drop(connection.await),
        Some(patience) => drop(timeout(patience, connection).await),
    }
}

/// Knows when a connection is told to go.
pub(super) struct Goodbye {
    lifecycle: Lifecycle,
    connection: Arc<Connection>,
    age: Option<Duration>,
    grace: Duration,
}

/// How often it is looked whether a connection speaks HTTP/2 by now.
const LOOK: Duration = Duration::from_millis(200);

impl Goodbye {
    pub(super) fn new(
        lifecycle: &Lifecycle,
        connection: &Arc<Connection>,
        settings: Settings,
    ) -> Self {
        connection.tell();
        let age = settings.age.map(|age| age.mul_f64(0.9 + 0.2 * ramp::chance()));
        let connection = Arc::clone(connection);
        Self { lifecycle: lifecycle.clone(), connection, age, grace: settings.age_grace }
    }

    /// Resolves when hyper shall shut the connection down, with the time that this may take.
    async fn said(self) -> Option<Duration> {
        tokio::select! {
            () = self.lifecycle.graceful() => None,
            () = self.lame() => None,
            () = self.old() => Some(self.grace),
        }
    }

    /// On HTTP/2, at a moment of its own within the lame duck. Clients of HTTP/1 are told by the
    /// layer with an answer, which is the only way that loses nothing.
    async fn lame(&self) {
        self.lifecycle.draining().await;
        sleep(self.lifecycle.0.traffic.moment_to_go()).await;
        while !self.connection.is_http2() {
            sleep(LOOK).await;
        }
    }

    /// When its time is over, and then not on HTTP/1 either, where the next answer is the last.
    async fn old(&self) {
        match self.age {
            Some(age) => sleep(age).await,
            None => std::future::pending().await,
        }
        while !self.connection.is_http2() {
            self.connection.retire();
            sleep(LOOK).await;
        }
    }
}
