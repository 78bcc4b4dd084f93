//! A counter that knows which bucket it counts for.

use crate::sync::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

/// A counter's word: eight bits of generation, 28 of the bucket's number, 28 that count.
const COUNT_BITS: u32 = 28;
const COUNT: u64 = (1 << COUNT_BITS) - 1;
const NUMBER: u64 = (1 << 28) - 1;
/// Where a counter stops: below the end, since threads may pass the check at the same time.
const FULL: u64 = COUNT - (1 << 16);

/// What a counter counts for: a bucket of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    pub(super) const fn new(generation: u32, number: u64) -> Self {
        Self((generation as u64 & 0xff) << 28 | number & NUMBER)
    }

    /// Of one generation, and not much behind. What lies further back is ahead, by way of the end
    /// of the numbers: a circuit that nobody has used for long.
    const fn is_before(self, than: Self) -> bool {
        let behind = than.0.wrapping_sub(self.0) & NUMBER;
        self.0 >> 28 == than.0 >> 28 && behind > 0 && behind < 1 << 12
    }
}

/// Adds one to a counter, which begins anew when its tag is older. Returns what it held then.
#[inline]
pub(super) fn count(counter: &AtomicU64, tag: Tag) -> u64 {
    let mut word = counter.load(Relaxed);
    loop {
        let held = Tag(word >> COUNT_BITS);
        // Who is late by a whole window counts in the bucket that took the place of its own.
        if held == tag || tag.is_before(held) {
            if word & COUNT < FULL {
                counter.fetch_add(1, Relaxed);
            }
            return 0;
        }
        match counter.compare_exchange_weak(word, tag.0 << COUNT_BITS | 1, AcqRel, Relaxed) {
            Ok(_) => return word & COUNT,
            Err(now) => word = now,
        }
    }
}

/// What a counter holds for this bucket.
pub(super) fn counted(counter: &AtomicU64, tag: Tag) -> u64 {
    match counter.load(Relaxed) {
        word if Tag(word >> COUNT_BITS) == tag => word & COUNT,
        _ => 0,
    }
}

/// What a counter holds, for whichever bucket.
pub(super) fn held(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed) & COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    // Scenario 62: a counter that is full stays full, and leaves its neighbours alone.
    #[test]
    fn a_counter_stops_before_it_would_reach_its_tag() {
        let tag = Tag::new(7, 100);
        let counter = AtomicU64::new((tag.0 << COUNT_BITS) | (FULL - 1));
        for _ in 0..10 {
            assert_eq!(count(&counter, tag), 0);
        }
        assert_eq!((counted(&counter, tag), held(&counter)), (FULL, FULL));
        let next = Tag::new(7, 110);
        assert_eq!(count(&counter, next), FULL, "what leaves the ring is told");
        assert_eq!(counter.load(Relaxed), next.0 << COUNT_BITS | 1);
    }
}
