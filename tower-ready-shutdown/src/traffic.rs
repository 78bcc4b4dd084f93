//! What requests in flight share with their lifecycle.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use crate::Phase;

/// Each request in flight holds a clone, and nothing else but the lifecycle does. So the count that
/// an `Arc` keeps anyway is the number of requests in flight: one addition when a request comes,
/// one subtraction when it ends, and a count of our own beside it would cost two more.
#[derive(Debug)]
pub(crate) struct Traffic {
    phase: AtomicU8,
}

impl Traffic {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { phase: AtomicU8::new(Phase::Starting as u8) })
    }

    pub(crate) fn in_flight(this: &Arc<Self>) -> usize {
        Arc::strong_count(this) - 1
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        Phase::from_u8(self.phase.load(Ordering::Acquire))
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }
}
