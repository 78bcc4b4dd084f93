//! The handler behind the layer under test.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tokio::sync::watch;

mod behave;
mod counts;
mod gate;
mod grpc;
mod http;
mod query;
mod seen;

pub(crate) use self::query::to_query;
pub use self::{
    behave::BrokenStream,
    counts::Counts,
    gate::Gate,
    grpc::GrpcService,
    http::{HttpProbe, ProbeBody},
    seen::Seen,
};

/// The generated gRPC code of `proto/testing/v1/probe.proto`.
#[allow(missing_docs, clippy::all, clippy::exhaustive_structs, clippy::exhaustive_enums)]
#[allow(unreachable_pub, unused_qualifications, clippy::must_use_candidate)]
pub mod proto {
    include!("../proto/testing.v1.rs");
}

use crate::patience::within;

/// A handler that does what each call asks, and remembers what reached it.
///
/// Clones are one probe. A [`Server`](crate::Server) has one and lends its methods.
#[derive(Clone)]
pub struct Probe {
    counts: Arc<watch::Sender<Counts>>,
    gate: Gate,
    seen: Arc<Mutex<Vec<Seen>>>,
}

// === impl Probe ===

impl Probe {
    /// A probe that nothing has reached yet.
    #[must_use]
    pub fn new() -> Self {
        let counts = Arc::new(watch::Sender::new(Counts::default()));
        let gate = Gate::new(Arc::clone(&counts));
        Self { counts, gate, seen: Arc::default() }
    }

    /// The probe as a handler for HTTP, for a router or a server of the test's own.
    #[must_use]
    pub fn http(&self) -> HttpProbe {
        HttpProbe::new(self.clone())
    }

    /// The probe as a gRPC service, for a server of the test's own.
    #[must_use]
    pub fn grpc(&self) -> GrpcService {
        GrpcService::new(self.clone())
    }

    /// All counters at one instant.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// How many calls reached the handler.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.counts().hits
    }

    /// How many calls are in the handler now; a stream is in it until its end.
    #[must_use]
    pub fn concurrent(&self) -> usize {
        self.counts().concurrent
    }

    /// How many calls were dropped before the handler was done with them.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.counts().abandoned
    }

    /// How many calls panicked in the handler.
    #[must_use]
    pub fn panics(&self) -> usize {
        self.counts().panics
    }

    /// Waits until the counters fulfil `condition`.
    ///
    /// # Panics
    ///
    /// When they do not within twenty seconds of real time.
    pub async fn until(&self, condition: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.subscribe();
        let what = Late(self);
        *within(what, counts.wait_for(condition)).await.expect("the probe holds the sender")
    }

    /// The gate at which gated calls wait.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Lets `calls` of the waiting calls pass the gate, or the next ones that come.
    pub fn release(&self, calls: usize) {
        self.gate.release(calls);
    }

    /// Every request that reached the handler, oldest first.
    ///
    /// # Panics
    ///
    /// Never in practice: the lock is not held over anything that panics.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("never poisoned").clone()
    }

    /// The newest request that reached the handler.
    ///
    /// # Panics
    ///
    /// When none did.
    #[must_use]
    #[track_caller]
    pub fn last_seen(&self) -> Seen {
        self.seen().pop().expect("no call reached the handler")
    }

    fn remember(&self, seen: Seen) {
        self.seen.lock().expect("never poisoned").push(seen);
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").field(&self.counts()).finish()
    }
}

/// Says what a wait for the counters saw last.
struct Late<'a>(&'a Probe);

impl fmt::Display for Late<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a condition that never came true; last seen: {:?}", self.0.counts())
    }
}
