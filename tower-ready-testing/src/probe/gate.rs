//! Where calls wait until the test lets them go.

use std::{fmt, sync::Arc};

use tokio::sync::{Semaphore, watch};

use super::Counts;

/// Holds gated calls in the handler, so that a test has requests in flight without sleeping.
///
/// Shut at first. Clones are one gate.
#[derive(Clone)]
pub struct Gate {
    passes: Arc<Semaphore>,
    counts: Arc<watch::Sender<Counts>>,
}

/// One call at the gate, counted until it passes or is dropped.
struct Waiting<'a>(&'a Gate);

// === impl Gate ===

impl Gate {
    pub(super) fn new(counts: Arc<watch::Sender<Counts>>) -> Self {
        Self { passes: Arc::new(Semaphore::new(0)), counts }
    }

    /// Lets `calls` calls pass: those that wait, in the order in which they came, else the next.
    pub fn release(&self, calls: usize) {
        self.passes.add_permits(calls);
    }

    /// Opens the gate for good.
    pub fn open(&self) {
        self.passes.close();
    }

    pub(super) async fn pass(&self) {
        let waiting = Waiting::new(self);
        // A closed semaphore is an open gate.
        if let Ok(permit) = self.passes.acquire().await {
            permit.forget();
        }
        drop(waiting);
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("open", &self.passes.is_closed())
            .field("passes", &self.passes.available_permits())
            .finish_non_exhaustive()
    }
}

// === impl Waiting ===

impl<'a> Waiting<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.counts.send_modify(|counts| counts.waiting += 1);
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.counts.send_modify(|counts| counts.waiting -= 1);
    }
}
