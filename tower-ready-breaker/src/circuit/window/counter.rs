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

    /// Of a generation that was over before its call had been counted: others count here by now.
    /// What is left here of a generation from long ago has an older number.
    const fn is_over_by(self, than: Self) -> bool {
        let generations = (than.0 >> 28).wrapping_sub(self.0 >> 28) & 0xff;
        let behind = than.0.wrapping_sub(self.0) & NUMBER;
        generations > 0 && generations < 1 << 7 && behind < 1 << 12
    }
}

/// Adds one to a counter, which begins anew when its tag is older. Returns what leaves the ring by
/// that: what it held then, or the one itself if its generation is over.
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
        if tag.is_over_by(held) {
            return 1;
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

    #[test]
    fn a_generation_that_is_over_takes_nothing_from_the_one_that_counts() {
        let counter = AtomicU64::default();
        for _ in 0..3 {
            count(&counter, Tag::new(8, 100));
        }
        assert_eq!(count(&counter, Tag::new(7, 100)), 1, "it has left before it came");
        assert_eq!(count(&counter, Tag::new(7, 99)), 1);
        assert_eq!(counted(&counter, Tag::new(8, 100)), 3);
        // By way of the end of both numbers.
        let counter = AtomicU64::default();
        count(&counter, Tag::new(256, NUMBER + 1));
        assert_eq!(count(&counter, Tag::new(255, NUMBER)), 1);
        assert_eq!(counted(&counter, Tag::new(256, NUMBER + 1)), 1);
        // What has been left here since long ago is in nobody's way, however old.
        for (generation, number) in [(8, 110), (100, 110), (200, 110), (8, 1 << 20)] {
            let counter = AtomicU64::default();
            count(&counter, Tag::new(8, 100));
            assert_eq!(count(&counter, Tag::new(generation, number)), 1);
            assert_eq!(counted(&counter, Tag::new(generation, number)), 1);
        }
    }
}
