//! Numbers to pull.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Reason;

/// What a bulkhead has done since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many were turned away since there was neither a slot nor room to wait.
    pub full: u64,
    /// How many were turned away after they had waited in vain.
    pub waited: u64,
    /// How many lost their place in the queue to others.
    pub evicted: u64,
    /// How many were turned away since the processors had too much to do.
    pub cpu: u64,
    /// How many left the queue by themselves, since their callers did.
    pub left: u64,
}

/// Nothing here is touched by a request that finds a slot.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    full: AtomicU64,
    waited: AtomicU64,
    evicted: AtomicU64,
    cpu: AtomicU64,
    left: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            full: self.full.load(Relaxed),
            waited: self.waited.load(Relaxed),
            evicted: self.evicted.load(Relaxed),
            cpu: self.cpu.load(Relaxed),
            left: self.left.load(Relaxed),
        }
    }

    pub(crate) fn refused(&self, reason: Reason) {
        let counter = match reason {
            Reason::Full => &self.full,
            Reason::Waited => &self.waited,
            Reason::Evicted => &self.evicted,
            Reason::Cpu => &self.cpu,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn left(&self) {
        self.left.fetch_add(1, Relaxed);
    }
}
