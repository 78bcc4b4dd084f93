//! What the probe counts, and the guard that counts it.

use std::{sync::Arc, thread};

use tokio::sync::watch;

use super::Probe;

/// The counters of a probe at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// TCP connections that the server accepted.
    pub connections: usize,
    /// Calls that reached the handler.
    pub hits: usize,
    /// Calls in the handler now.
    pub concurrent: usize,
    /// The most calls that were in the handler at once.
    pub peak: usize,
    /// Calls that wait at the gate now.
    pub waiting: usize,
    /// Calls that the handler was done with, well or not.
    pub finished: usize,
    /// Calls that were dropped before.
    pub abandoned: usize,
    /// Calls that panicked in the handler.
    pub panics: usize,
}

/// One call in the handler, counted however it leaves.
pub(super) struct Running {
    counts: Arc<watch::Sender<Counts>>,
    finished: bool,
}

// === impl Probe ===

impl Probe {
    pub(super) fn enter(&self) -> Running {
        self.counts.send_modify(|counts| {
            counts.hits += 1;
            counts.concurrent += 1;
            counts.peak = counts.peak.max(counts.concurrent);
        });
        Running { counts: Arc::clone(&self.counts), finished: false }
    }

    pub(crate) fn connected(&self) {
        self.counts.send_modify(|counts| counts.connections += 1);
    }
}

// === impl Running ===

impl Running {
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.counts.send_modify(|counts| {
            counts.concurrent -= 1;
            match () {
                () if self.finished => counts.finished += 1,
                () if thread::panicking() => counts.panics += 1,
                () => counts.abandoned += 1,
            }
        });
    }
}
