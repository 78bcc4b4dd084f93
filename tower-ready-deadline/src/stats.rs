//! Numbers to pull.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{Event, OnDeadline, Phase, Reason, watch::Bodies};

/// What a policy has done since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many calls were given up before there was an answer.
    pub expired: u64,
    /// How many answers were cut in their bodies by the deadline.
    pub cut: u64,
    /// How many answers were cut because their bodies were silent.
    pub idle: u64,
    /// How many requests stalled in their bodies.
    pub stalled: u64,
    /// How many calls were turned away since too little time was left.
    pub spent: u64,
    /// How many calls had a header that made no sense.
    pub junk: u64,
}

/// Counts and tells. Nothing here is touched by a request that is answered in time.
///
/// It holds the one setting that is needed when a request has gone on, so that one handle will do.
pub(crate) struct Ledger {
    pub(crate) bodies: Bodies,
    expired: AtomicU64,
    cut: AtomicU64,
    idle: AtomicU64,
    stalled: AtomicU64,
    spent: AtomicU64,
    junk: AtomicU64,
    observer: Box<dyn OnDeadline>,
}

impl Ledger {
    pub(crate) fn new(bodies: Bodies, observer: Box<dyn OnDeadline>) -> Self {
        Self {
            bodies,
            expired: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            idle: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            junk: AtomicU64::new(0),
            observer,
        }
    }

    pub(crate) fn read(&self) -> Stats {
        Stats {
            expired: self.expired.load(Relaxed),
            cut: self.cut.load(Relaxed),
            idle: self.idle.load(Relaxed),
            stalled: self.stalled.load(Relaxed),
            spent: self.spent.load(Relaxed),
            junk: self.junk.load(Relaxed),
        }
    }

    pub(crate) fn note(&self, event: &Event<'_>) {
        let counter = match event {
            Event::Expired { phase: Phase::Head, .. } => &self.expired,
            Event::Expired { phase: Phase::Request, .. } => &self.stalled,
            Event::Expired { reason: Reason::Deadline, .. } => &self.cut,
            Event::Expired { reason: Reason::Idle, .. } => &self.idle,
            Event::Spent { .. } => &self.spent,
            Event::Junk { .. } => &self.junk,
        };
        counter.fetch_add(1, Relaxed);
        self.observer.on_event(event);
    }
}
