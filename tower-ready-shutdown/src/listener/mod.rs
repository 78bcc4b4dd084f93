//! Listeners that lose nobody who has come to them.

mod accept;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tonic")]
mod tonic;

use std::{fmt, io, sync::atomic::Ordering, time::Duration};

pub use self::accept::Accept;
#[cfg(feature = "axum")]
pub use self::axum::{AxumListener, Connections, ConnectionsFuture};
#[cfg(feature = "tonic")]
pub use self::tonic::Incoming;
use crate::{
    Lifecycle, Phase, Phases, TrackedIo,
    connection::{Connection, Known, Means},
};

/// A listener whose connections its lifecycle knows.
///
/// Until the lame duck is over it accepts as any other. Then it accepts those who wait in the
/// kernel's queue already, down to the last, and closes at once: whoever is in that queue when a
/// listener closes is reset, with the request that it may have sent.
pub struct Listener<A: Accept> {
    state: State<A>,
    lifecycle: Lifecycle,
    phases: Phases,
    known: Known,
    shared: bool,
    open: Open,
}

enum State<A: Accept> {
    Accepts(A),
    Empties(A::Queue),
    Closed,
}

/// Counts a listener until it is closed.
struct Open(Option<Lifecycle>);

/// How long to wait where accepting fails for a reason that lasts, such as no more files.
const PAUSE: Duration = Duration::from_secs(1);

/// The same while the queue is emptied, which has less time; and how often.
const SHORT_PAUSE: Duration = Duration::from_millis(10);
const TRIES: u32 = 50;

impl Lifecycle {
    /// A listener for any server: see the methods for axum, tonic and hyper as well.
    pub fn listener<A: Accept>(&self, listener: A) -> Listener<A> {
        Listener::new(self.clone(), listener, Known::Nothing)
    }
}

impl<A: Accept> Listener<A> {
    pub(crate) fn new(lifecycle: Lifecycle, listener: A, known: Known) -> Self {
        lifecycle.0.listeners.fetch_add(1, Ordering::SeqCst);
        let phases = lifecycle.phases();
        let open = Open(Some(lifecycle.clone()));
        Self { state: State::Accepts(listener), lifecycle, phases, known, shared: false, open }
    }

    /// Says that another process has this socket too: the one before or after us, or a service
    /// manager that handed it to us. Whoever waits in its queue is left to that one, and loses
    /// nothing. Default: the socket is ours alone.
    #[must_use]
    pub fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// When it is closed already, or the system does not say.
    pub fn local_addr(&self) -> io::Result<A::Addr> {
        match &self.state {
            State::Accepts(listener) => listener.local_addr(),
            _ => Err(io::Error::new(io::ErrorKind::NotConnected, "the listener is closed")),
        }
    }

    /// The next connection. It waits for ever once nobody is accepted any more. May be dropped and
    /// called again.
    pub async fn accept(&mut self) -> (TrackedIo<A::Io>, A::Addr) {
        loop {
            if let State::Accepts(listener) = &self.state {
                let accepted = tokio::select! {
                    biased;
                    _ = self.phases.until(|phase| phase >= Phase::Closing) => None,
                    accepted = listener.accept() => Some(accepted),
                };
                match accepted {
                    Some(Ok((io, addr))) => return self.track(io, addr),
                    Some(Err(error)) => pause(&error, PAUSE).await,
                    None => self.close(),
                }
                continue;
            }
            let Some((io, addr)) = self.empty().await else {
                self.state = State::Closed;
                self.open.close();
                return std::future::pending().await;
            };
            return self.track(io, addr);
        }
    }

    /// Accepts nobody any more, apart from those who are there.
    fn close(&mut self) {
        let State::Accepts(listener) = std::mem::replace(&mut self.state, State::Closed) else {
            return;
        };
        if !self.shared
            && let Ok(queue) = listener.into_queue()
        {
            self.state = State::Empties(queue);
        }
    }

    /// The next of those who wait. Asked of the kernel, since what the runtime knows may be old.
    async fn empty(&mut self) -> Option<(A::Io, A::Addr)> {
        let State::Empties(queue) = &self.state else {
            return None;
        };
        for _ in 0..TRIES {
            match A::next(queue) {
                Ok(accepted) => return Some(accepted),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => pause(&error, SHORT_PAUSE).await,
            }
        }
        None
    }

    fn track(&self, io: A::Io, addr: A::Addr) -> (TrackedIo<A::Io>, A::Addr) {
        A::prepare(&io);
        let connection = Connection::new(A::peer(&addr), self.known);
        let means = Means { reset: A::reset, has_bytes: A::has_bytes };
        (TrackedIo::new(io, self.lifecycle.clone(), connection, means), addr)
    }
}

/// A client that left before it was accepted is no reason to wait; where files have run out, trying
/// again at once would only burn the processor.
async fn pause(error: &io::Error, pause: Duration) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};

    let fleeting = matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    );
    if !fleeting {
        tokio::time::sleep(pause).await;
    }
}

impl Open {
    fn close(&mut self) {
        if let Some(lifecycle) = self.0.take() {
            lifecycle.0.listeners.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}

impl<A: Accept> fmt::Debug for Listener<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Accepts(_) => "accepts",
            State::Empties(_) => "empties",
            State::Closed => "closed",
        };
        f.debug_struct("Listener").field("state", &state).finish_non_exhaustive()
    }
}
