//! Numbers to pull.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// What became of the requests that a policy looked at, since the limiter was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many passed.
    pub allowed: u64,
    /// How many it refused; when several policies refuse one request, each counts it.
    pub refused: u64,
    /// How many it would have refused, were it not in shadow mode.
    pub would_refuse: u64,
    /// How many had no key.
    pub missing: u64,
    /// How many were decided without the store, which could not be asked. They count as allowed or
    /// refused, too.
    pub degraded: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) allowed: Counter,
    pub(crate) refused: Counter,
    pub(crate) would_refuse: Counter,
    pub(crate) missing: Counter,
    pub(crate) degraded: Counter,
}

/// A counter in stripes, so that threads do not pass one cache line around.
#[derive(Debug, Default)]
pub(crate) struct Counter([Stripe; STRIPES]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

const STRIPES: usize = 8;

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            allowed: self.allowed.sum(),
            refused: self.refused.sum(),
            would_refuse: self.would_refuse.sum(),
            missing: self.missing.sum(),
            degraded: self.degraded.sum(),
        }
    }
}

impl Counter {
    #[inline]
    pub(crate) fn add_one(&self) {
        self.0[stripe() % STRIPES].0.fetch_add(1, Relaxed);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Relaxed)).sum()
    }
}

#[inline]
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Relaxed));
        }
        own.get()
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn threads_count_together() {
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..100).for_each(|_| counter.add_one()));
            }
        });
        assert_eq!(counter.sum(), 2_000);
    }
}
