//! A server of our own, on hyper.

mod connection;
mod handshake;

use std::{error::Error, fmt, future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use tower_service::Service;

use self::connection::{Goodbye, serve};
pub use self::handshake::{Handshake, Plain, Tls};
use crate::{
    Accept, Lifecycle, Listener, TrackedIo, connection::Connection, connection::Ending,
    connection::Since,
};

/// A server for any tower service, on hyper: HTTP/1.1 and HTTP/2.
///
/// What it does beyond serving: while the process leaves, connections of HTTP/2 are told to go one
/// after the other over the lame duck; an idle connection is closed only after a last look at what
/// may have arrived on it; and what never becomes a request is closed in time.
///
/// ```no_run
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tokio::net::TcpListener;
/// use tower::ServiceBuilder;
/// use tower_ready_shutdown::Lifecycle;
///
/// async fn handle<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
///     Ok(Response::new("ok".into()))
/// }
///
/// # async fn main_() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
/// let lifecycle = Lifecycle::install()?;
/// let service = ServiceBuilder::new().layer(lifecycle.layer()).service_fn(handle);
/// let listener = TcpListener::bind("127.0.0.1:3000").await?;
/// let report = lifecycle.run(lifecycle.server().serve(listener, service)).await;
/// # Ok(report.exit_code())
/// # }
/// ```
#[must_use = "it serves nobody until `serve`"]
pub struct Server<H = Plain> {
    lifecycle: Lifecycle,
    handshake: H,
    settings: Settings,
    hyper: auto::Builder<TokioExecutor>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    handshake_timeout: Duration,
    header_timeout: Duration,
    connections: usize,
    age: Option<Duration>,
    age_grace: Duration,
    shared: bool,
}

type BoxError = Box<dyn Error + Send + Sync>;

/// How often it is looked for heads that do not come to an end.
const SWEEP: Duration = Duration::from_millis(500);

impl Lifecycle {
    /// A server that leaves with this lifecycle.
    pub fn server(&self) -> Server {
        let mut hyper = auto::Builder::new(TokioExecutor::new());
        // hyper's timeout of a head is that of an idle connection as well. It has to be longer than
        // that of the balancers in front of us, nginx's 60 s, or we close on their requests.
        hyper.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(75));
        hyper.http2().timer(TokioTimer::new());
        let settings = Settings {
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(15),
            connections: Semaphore::MAX_PERMITS,
            age: None,
            age_grace: Duration::from_secs(30),
            shared: false,
        };
        Server { lifecycle: self.clone(), handshake: Plain, settings, hyper }
    }
}

impl<H> Server<H> {
    /// Makes of each connection what HTTP is spoken on, such as a stream of TLS. Default: HTTP is
    /// spoken on the connection itself.
    pub fn tls<F>(self, handshake: F) -> Server<Tls<F>> {
        let Self { lifecycle, settings, hyper, .. } = self;
        Server { lifecycle, handshake: Tls(handshake), settings, hyper }
    }

    /// How long that may take. Default: 10 s.
    pub const fn handshake_timeout(mut self, time: Duration) -> Self {
        self.settings.handshake_timeout = time;
        self
    }

    /// How long the head of a request may take, from its first byte; of a new connection's first
    /// request, from the connection. Default: 15 s.
    pub const fn header_timeout(mut self, time: Duration) -> Self {
        self.settings.header_timeout = time;
        self
    }

    /// How many connections are open at most. More wait in the kernel's queue. Default: no limit.
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.settings.connections =
            if connections < Semaphore::MAX_PERMITS { connections } else { Semaphore::MAX_PERMITS };
        self
    }

    /// How long a connection is used, give or take a tenth, so that clients come to new instances
    /// in time. Then it is told to go, as on a drain. Default: for ever.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.settings.age = Some(age);
        self
    }

    /// How long what is in flight on such a connection of HTTP/2 may take. Default: 30 s.
    pub const fn max_age_grace(mut self, grace: Duration) -> Self {
        self.settings.age_grace = grace;
        self
    }

    /// As [`Listener::shared`]. Default: the socket is ours alone.
    pub const fn shared(mut self, shared: bool) -> Self {
        self.settings.shared = shared;
        self
    }

    /// Changes what hyper itself can be told: sizes, windows, one version alone.
    pub fn hyper(mut self, change: impl FnOnce(&mut auto::Builder<TokioExecutor>)) -> Self {
        change(&mut self.hyper);
        self
    }

    /// Serves until the process leaves and the last connection is over.
    pub async fn serve<A, S, B>(self, listener: A, service: S)
    where
        A: Accept,
        H: Handshake<TrackedIo<A::Io>>,
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.serve_with(listener, move |_| service.clone()).await;
    }

    /// The same with a service that is made for each connection, from the address of its peer.
    pub async fn serve_with<A, F, S, B>(self, listener: A, make: F)
    where
        A: Accept,
        H: Handshake<TrackedIo<A::Io>>,
        F: Fn(&A::Addr) -> S + Send,
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let Self { lifecycle, handshake, settings, hyper } = self;
        let mut listener = lifecycle.listener(listener).shared(settings.shared);
        let handshake = Arc::new(handshake);
        let slots = Arc::new(Semaphore::new(settings.connections));
        let mut sweep = Sweep::new(&lifecycle, settings.header_timeout);
        let graceful = lifecycle.graceful();
        tokio::pin!(graceful);
        // Dropped with this future, and every connection with it.
        let mut connections = JoinSet::new();
        loop {
            let (permit, (io, addr)) = tokio::select! {
                accepted = accept(&slots, &mut listener) => accepted,
                () = &mut graceful => break,
                () = sweep.next() => continue,
                // Else the tasks of all connections that ever were would be kept.
                Some(_) = connections.join_next() => continue,
            };
            let goodbye = Goodbye::new(&lifecycle, io.connection(), settings);
            let service = make(&addr);
            let (hyper, handshake) = (hyper.clone(), Arc::clone(&handshake));
            connections.spawn(async move {
                serve(io, &*handshake, settings, &hyper, service, goodbye).await;
                drop(permit);
            });
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

async fn accept<A: Accept>(
    slots: &Arc<Semaphore>,
    listener: &mut Listener<A>,
) -> (tokio::sync::OwnedSemaphorePermit, (TrackedIo<A::Io>, A::Addr)) {
    match Arc::clone(slots).acquire_owned().await {
        Ok(permit) => (permit, listener.accept().await),
        // It is never closed.
        Err(_) => pending().await,
    }
}

/// Closes connections on which a request begins and does not come.
struct Sweep {
    lifecycle: Lifecycle,
    since: Since,
    timeout: Duration,
    interval: tokio::time::Interval,
}

impl Sweep {
    fn new(lifecycle: &Lifecycle, timeout: Duration) -> Self {
        let mut interval = interval(SWEEP.min(timeout).max(Duration::from_millis(10)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { lifecycle: lifecycle.clone(), since: Since::default(), timeout, interval }
    }

    async fn next(&mut self) {
        self.interval.tick().await;
        let connections = self.lifecycle.0.connections.list();
        let waits = |one: &Connection| one.is_amid_a_head() || one.is_silent();
        for (connection, age) in self.since.look(&connections, Instant::now(), waits) {
            if age >= self.timeout {
                connection.end(Ending::Now);
            }
        }
    }
}

impl<H: fmt::Debug> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("handshake", &self.handshake)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
