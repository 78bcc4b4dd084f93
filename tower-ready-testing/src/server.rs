//! The handle of a running server.

use std::{fmt, future::Future, net::SocketAddr, ops::Deref};

use tokio::{sync::watch, task::JoinHandle};

use crate::{Call, Client, InFlight, Reply, Streaming, patience::within, probe::Probe};

/// A server on a loopback port, the [`Probe`] behind the layer on it, and one client.
///
/// It lends the methods of its probe: `server.hits()`, `server.until(…)`, `server.release(1)`.
/// Dropping it frees the port.
pub struct Server {
    address: SocketAddr,
    speaks: Speaks,
    probe: Probe,
    client: Client,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the callers of a server speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests go through all of them")]
pub enum Speaks {
    /// Plain HTTP.
    Http,
    /// gRPC.
    Grpc,
}

// === impl Server ===

impl Server {
    /// Runs `serve`, which gets a future that resolves when it shall stop gracefully.
    pub(crate) fn run<F>(
        address: SocketAddr,
        speaks: Speaks,
        probe: Probe,
        serve: impl FnOnce(StopSignal) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(serve(StopSignal(stopping)));
        let client = Client::new(speaks, address);
        Self { address, speaks, probe, client, stop, task }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its callers speak.
    #[must_use]
    pub const fn speaks(&self) -> Speaks {
        self.speaks
    }

    /// The probe behind the layer.
    #[must_use]
    pub const fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Calls on the server's own client, which keeps its connection.
    pub async fn call(&self, call: Call) -> Reply {
        self.client.call(call).await
    }

    /// Starts a call on the server's own client and does not wait for it.
    pub fn start(&self, call: Call) -> InFlight {
        self.client.start(call)
    }

    /// Opens a stream on the server's own client.
    pub async fn stream(&self, call: Call) -> Streaming {
        self.client.stream(call).await
    }

    /// Another caller with a connection of its own.
    #[must_use]
    pub fn connect(&self) -> Client {
        Client::new(self.speaks, self.address)
    }

    /// A caller that speaks plain HTTP/1.1 to any host: for gRPC-Web, Connect, or a curious browser.
    #[must_use]
    pub fn connect_http(&self) -> Client {
        Client::new(Speaks::Http, self.address)
    }

    /// Asks the server to stop gracefully: it accepts nobody and ends when nothing is in flight.
    pub fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the server ended.
    ///
    /// # Panics
    ///
    /// When it does not within twenty seconds of real time.
    pub async fn stopped(&mut self) {
        within("the server to stop", &mut self.task).await.expect("the server does not panic");
    }
}

impl Deref for Server {
    type Target = Probe;

    fn deref(&self) -> &Probe {
        &self.probe
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("speaks", &self.speaks)
            .field("probe", &self.probe)
            .finish_non_exhaustive()
    }
}

/// Resolves when the server shall stop.
#[derive(Debug)]
pub(crate) struct StopSignal(watch::Receiver<bool>);

// === impl StopSignal ===

impl StopSignal {
    pub(crate) async fn received(mut self) {
        // An error means that the handle is gone, and with it anyone who could ask.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
