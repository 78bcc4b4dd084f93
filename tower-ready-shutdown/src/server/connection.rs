//! One connection, and when it is told to go.

use std::{convert::Infallible, future::pending, pin::pin, sync::Arc, time::Duration};

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
use crate::{
    Lifecycle, OnConnection, TrackedIo, connection::Connection, connection::Farewell, ramp,
};

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
    let io = Farewell::new(io, Arc::clone(&record), true);
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

/// How often it is looked whether something is in flight on one that is to be told.
const REST: Duration = Duration::from_millis(10);

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
            never = self.lame() => match never {},
            () = self.old() => Some(self.grace),
        }
    }

    /// Tells a client of HTTP/2, at a moment of its own within the lame duck, to open no more calls.
    ///
    /// At one at which nothing is in flight: haproxy before 2024, if it is about to send a call just
    /// then, breaks the connection. One that is always busy is told in the end, when balancers have
    /// left. Clients of HTTP/1 are told by the layer with an answer, which is the only way that loses
    /// nothing.
    async fn lame(&self) -> Infallible {
        self.lifecycle.draining().await;
        let traffic = &self.lifecycle.0.traffic;
        let latest = sleep(traffic.last_moment_to_go());
        sleep(traffic.moment_to_go()).await;
        while !self.connection.is_http2() {
            sleep(LOOK).await;
        }
        tokio::select! {
            () = latest => {}
            () = self.at_rest() => {}
        }
        self.connection.tell_to_go();
        // hyper tells it again, with the last call that counts, when nobody is accepted any more.
        pending().await
    }

    async fn at_rest(&self) {
        while self.connection.in_flight() > 0 {
            sleep(REST).await;
        }
    }

    /// When its time is over, and then not on HTTP/1 either, where the next answer is the last.
    async fn old(&self) {
        match self.age {
            Some(age) => sleep(age).await,
            None => pending().await,
        }
        while !self.connection.is_http2() {
            self.connection.retire();
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::{Timings, connection::Known};

    const LAME_DUCK: Duration = Duration::from_secs(10);
    const RAMP: Duration = Duration::from_secs(8);

    /// When a connection of HTTP/2 is told, on which a request is in flight for so long.
    async fn told(in_flight: Duration) -> Duration {
        let timings = Timings::new(LAME_DUCK, Duration::ZERO);
        let lifecycle = Lifecycle::builder().timings(timings).build().unwrap();
        lifecycle.ready();
        let connection = Connection::new(None, Known::Nothing);
        connection.speaks_http2();
        let goodbye = Goodbye::new(&lifecycle, &connection, lifecycle.server().settings);
        let request = Connection::board(&connection);
        let began = Instant::now();
        lifecycle.drain();
        let request = tokio::spawn(async move {
            sleep(in_flight).await;
            drop(request);
        });
        let _ = timeout(LAME_DUCK * 2, async {
            tokio::select! {
                _ = goodbye.said() => {}
                () = async {
                    while !connection.is_to_go() {
                        sleep(REST).await;
                    }
                } => {}
            }
        })
        .await;
        request.abort();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_told_when_nothing_is_in_flight() {
        for _ in 0..20 {
            let told = told(Duration::from_secs(3)).await;
            assert!(told >= Duration::from_secs(3) && told <= RAMP + 3 * REST, "{told:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_always_busy_is_told_after_the_ramp() {
        for _ in 0..20 {
            let told = told(Duration::from_secs(60)).await;
            assert!(told >= RAMP - REST && told <= LAME_DUCK + 3 * REST, "{told:?}");
        }
    }
}
