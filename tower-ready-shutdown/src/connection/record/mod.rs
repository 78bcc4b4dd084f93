//! What is known of a connection, without the connection itself.

mod told;

use std::{net::SocketAddr, task::Waker, time::Duration};

use tower_ready_core::Instant;

use super::state::{Ending, Known, Look};
use super::sync::{
    Arc, AtomicBool, AtomicU8, AtomicU32, AtomicU64, Mutex,
    Ordering::{Acquire, Relaxed, SeqCst},
};

/// What is known of a connection. Only the task that serves it writes to the counts.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Option<SocketAddr>,
    opened: Instant,
    read: AtomicU64,
    written: AtomicU64,
    /// Whether the peer takes nothing more for now.
    blocked: AtomicBool,
    /// Whether the head of a request has come, or nobody can know.
    begun: AtomicBool,
    /// Whether somebody tells us of its requests.
    told: AtomicBool,
    /// Whether we cannot know any more what is in flight on it.
    opaque: AtomicBool,
    upgraded: AtomicBool,
    /// Whether it speaks HTTP/2, which has a way of its own to say goodbye.
    http2: AtomicBool,
    /// Whether its bytes are those of HTTP/2, and not of TLS around it.
    bare_http2: AtomicBool,
    /// Whether its next answer is to be the last.
    retired: AtomicBool,
    /// Whether a client of HTTP/2 is to be told to open no more calls.
    goes: AtomicBool,
    in_flight: AtomicU32,
    /// What had been read when the last request ended.
    read_at_rest: AtomicU64,
    /// An [`Ending`].
    ended: AtomicU8,
    /// A [`Look`].
    look: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// How we know that nothing is in flight on it, when nobody tells.
    known: Known,
}

/// A request on board of a connection.
#[derive(Debug)]
pub(crate) struct Boarded(Arc<Connection>);

impl Connection {
    pub(crate) fn new(peer: Option<SocketAddr>, known: Known) -> Arc<Self> {
        Arc::new(Self {
            peer,
            opened: Instant::now(),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            told: AtomicBool::new(false),
            opaque: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            bare_http2: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            goes: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            read_at_rest: AtomicU64::new(0),
            ended: AtomicU8::new(Ending::None as u8),
            look: AtomicU8::new(Look::NotAsked as u8),
            waker: Mutex::new(None),
            known,
        })
    }

    pub(crate) fn board(this: &Arc<Self>) -> Boarded {
        this.in_flight.fetch_add(1, Relaxed);
        Boarded(Arc::clone(this))
    }

    /// Who sees none any more sees also what had been read when the last one ended.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Acquire)
    }

    /// Has this woken when somebody ends or asks it. To be called before one looks if that is so.
    pub(crate) fn watch(&self, waker: &Waker) {
        *self.waker() = Some(waker.clone());
    }

    /// Whether it was ended in any case.
    pub(crate) fn is_cut(&self) -> bool {
        self.ended.load(SeqCst) == Ending::Now as u8
    }

    /// So much was read from it.
    pub(crate) fn has_read(&self, bytes: u64) {
        self.read.store(self.read.load(Relaxed) + bytes, Relaxed);
        // A request that came at the last moment is served.
        let (idle, none) = (Ending::IfIdle as u8, Ending::None as u8);
        if self.ended.load(Relaxed) == idle {
            let _ = self.ended.compare_exchange(idle, none, SeqCst, Relaxed);
        }
        self.has_looked();
    }

    /// There was nothing to read from it, for sure. Whether it is to be closed now.
    pub(crate) fn has_found_nothing(&self) -> bool {
        self.has_looked();
        self.ended.load(Relaxed) == Ending::IfIdle as u8 && self.is_idle(false)
    }

    /// What became of an attempt to write to it: so many bytes, or it has to wait.
    pub(crate) fn has_written(&self, bytes: Option<usize>) {
        self.blocked.store(bytes.is_none(), Relaxed);
        let sum = self.written.load(Relaxed) + bytes.unwrap_or_default() as u64;
        self.written.store(sum, Relaxed);
    }

    pub(crate) fn speaks_http2(&self) {
        self.http2.store(true, Relaxed);
    }

    pub(crate) fn speaks_bare_http2(&self) {
        self.bare_http2.store(true, Relaxed);
        self.speaks_http2();
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    /// The head of a request has come, or nobody can know.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Relaxed);
    }

    /// It is somebody else's from now on.
    pub(crate) fn upgrade(&self) {
        self.upgraded.store(true, Relaxed);
    }

    /// Nobody tells us of all of its requests any more.
    pub(crate) fn obscure(&self) {
        self.opaque.store(true, Relaxed);
    }

    /// Nothing was ever read from it.
    pub(crate) fn is_silent(&self) -> bool {
        self.read.load(Relaxed) == 0
    }

    pub(crate) const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub(crate) fn age(&self) -> Duration {
        Instant::now().since(self.opened)
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Relaxed)
    }

    /// Whether somebody tells us of all of its requests.
    fn is_told(&self) -> bool {
        self.told.load(Relaxed) && !self.opaque.load(Relaxed)
    }

    /// Whether nothing is in flight on it for sure, where `nothing` says that the layer knows of no
    /// request at all.
    pub(crate) fn is_idle(&self, nothing: bool) -> bool {
        let idle = match self.is_told() {
            true => self.in_flight() == 0,
            false => nothing && self.known == Known::ByCount,
        };
        self.is_unbegun() || idle && !self.is_upgraded() && !self.blocked.load(Relaxed)
    }

    /// Whether no request has ever come on it, as far as anybody can see from outside.
    fn is_unbegun(&self) -> bool {
        // A server of HTTP/1 that has written something has seen more than we understood.
        let may_know = self.known != Known::Nothing
            && (self.http2.load(Relaxed) || self.written.load(Relaxed) == 0);
        self.is_silent() || may_know && !self.begun.load(Relaxed)
    }

    /// Whether a request of HTTP/1 may be on its way: something was read since the last one ended.
    pub(crate) fn is_amid_a_head(&self) -> bool {
        let unanswered = self.is_told()
            && !self.is_upgraded()
            && self.in_flight() == 0
            && self.read.load(Relaxed) > self.read_at_rest.load(Relaxed);
        !self.http2.load(Relaxed) && (unanswered || self.is_unbegun() && !self.is_silent())
    }

    /// Whether it waits for the next request of HTTP/1, after at least one.
    pub(crate) fn is_kept_alive(&self) -> bool {
        self.is_idle(false)
            && self.is_told()
            && !self.http2.load(Relaxed)
            && self.read_at_rest.load(Relaxed) > 0
            && !self.is_amid_a_head()
    }

    /// Says that somebody tells us of its requests from now on.
    pub(crate) fn tell(&self) {
        self.told.store(true, Relaxed);
    }
}

impl Boarded {
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Boarded {
    fn drop(&mut self) {
        // Before the count, since whoever sees that none is in flight looks at this next.
        self.0.read_at_rest.store(self.0.read.load(Relaxed), SeqCst);
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}
