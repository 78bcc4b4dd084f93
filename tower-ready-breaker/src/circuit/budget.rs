//! How many circuits of a group may be open at a time.

use std::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// When most endpoints of a service fail, the cause lies elsewhere, and shutting them all out helps
/// nobody: beyond the budget circuits stay closed.
#[derive(Debug)]
pub(crate) struct Budget {
    share: f64,
    /// Circuits that somebody uses.
    live: AtomicUsize,
    open: AtomicUsize,
}

impl Budget {
    pub(crate) const fn new(share: f64) -> Self {
        Self { share, live: AtomicUsize::new(0), open: AtomicUsize::new(0) }
    }

    pub(crate) fn set_live(&self, live: usize) {
        self.live.store(live, Relaxed);
    }

    /// Room for one more, which is there in any case for the first.
    pub(crate) fn take(&self) -> bool {
        let most = (self.live.load(Relaxed) as f64 * self.share) as usize;
        let one_more = |open: usize| (open < most.max(1)).then_some(open + 1);
        self.open.fetch_update(AcqRel, Acquire, one_more).is_ok()
    }

    pub(crate) fn give_back(&self) {
        self.open.fetch_sub(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_always_free_and_half_are_the_most() {
        let budget = Budget::new(0.5);
        assert!(budget.take() && !budget.take());
        budget.set_live(7);
        assert!(budget.take() && budget.take() && !budget.take());
        budget.give_back();
        assert!(budget.take());
    }
}
