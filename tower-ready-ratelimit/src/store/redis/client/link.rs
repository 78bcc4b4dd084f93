//! The connection that commands share, and its replacement.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{
    Cmd, ErrorKind, RedisError, ServerErrorKind, aio::MultiplexedConnection,
    cluster_async::ClusterConnection,
};
use tokio::{runtime::Handle, time};
use tower_ready_core::Instant;

use super::{
    super::ExecuteError,
    place::{CONNECT, Place},
};

/// Where commands go, and the way there if there is one.
pub(super) struct Link {
    pub(super) place: Place,
    line: Mutex<Option<Line>>,
    connects: AtomicBool,
    /// Since when no command was answered, though some were sent. Zero: they are answered.
    silent_since: AtomicU64,
}

#[derive(Clone)]
pub(super) enum Line {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection that is silent for as long is taken for dead.
const SILENT: Duration = Duration::from_secs(2);

impl Link {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            line: Mutex::default(),
            connects: AtomicBool::new(false),
            silent_since: AtomicU64::new(0),
        }
    }

    /// Sends one command.
    pub(super) async fn send(self: &Arc<Self>, command: Cmd) -> Result<Vec<i64>, ExecuteError> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(mut line) = line else {
            self.connect();
            return Err(ExecuteError::failed("there is no connection"));
        };
        let unanswered = Unanswered(Some(self));
        let answer = match &mut line {
            Line::Server(line) => command.query_async::<Vec<i64>>(line).await,
            Line::Cluster(line) => command.query_async::<Vec<i64>>(line).await,
        };
        if !answer.as_ref().is_err_and(RedisError::is_timeout) {
            unanswered.answered();
            self.silent_since.store(0, Relaxed);
        }
        answer.map_err(|error| {
            if is_fatal(&error) {
                self.replace();
            }
            match error.kind() {
                ErrorKind::Server(ServerErrorKind::NoScript) => ExecuteError::UnknownScript,
                ErrorKind::Server(ServerErrorKind::CrossSlot) => ExecuteError::CrossSlot,
                _ => ExecuteError::failed(error),
            }
        })
    }

    fn replace(self: &Arc<Self>) {
        // A cluster's connection looks after those to its nodes by itself.
        if !self.place.is_cluster() {
            *self.line.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.connect();
        }
    }

    /// Connects in the background, once at a time, however often that takes.
    fn connect(self: &Arc<Self>) {
        if self.connects.swap(true, Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            self.connects.store(false, Relaxed);
            return;
        };
        let link = Arc::downgrade(self);
        runtime.spawn(async move {
            let mut pause = Duration::from_millis(20);
            while let Some(link) = link.upgrade() {
                if let Ok(Ok(line)) = time::timeout(2 * CONNECT, link.place.connect()).await {
                    link.silent_since.store(0, Relaxed);
                    *link.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
                    link.connects.store(false, Relaxed);
                    return;
                }
                drop(link);
                time::sleep(pause).await;
                pause = (2 * pause).min(CONNECT / 2);
            }
        });
    }
}

/// A command that was sent. Whoever sent it may give up before its answer comes.
struct Unanswered<'a>(Option<&'a Arc<Link>>);

impl Unanswered<'_> {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(link) = self.0 else { return };
        let now = Instant::now();
        let since = &link.silent_since;
        if let Err(since) = since.compare_exchange(0, now.as_nanos(), Relaxed, Relaxed)
            && now.since(Instant::from_nanos(since)) > SILENT
        {
            link.replace();
        }
    }
}

/// Whether the connection is of no more use: it broke, or leads to what is no master any more.
fn is_fatal(error: &RedisError) -> bool {
    (error.is_io_error() && !error.is_timeout())
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}
