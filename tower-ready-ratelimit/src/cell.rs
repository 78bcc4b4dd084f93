//! A quota that can be swapped while others read it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
};

use crate::{
    Quota,
    quota::{Rate, Span},
};

/// A quota that can be swapped while others read it: a sequence lock, so that reading is seven plain
/// loads and writes nothing that threads would pass around.
#[derive(Debug, Default)]
pub(crate) struct QuotaCell {
    /// Odd while a quota is being written.
    version: AtomicUsize,
    words: [AtomicU64; 7],
    writer: Mutex<()>,
}

impl QuotaCell {
    pub(crate) fn new(quota: Quota) -> Self {
        let cell = Self::default();
        cell.set(quota);
        cell
    }

    #[inline]
    pub(crate) fn get(&self) -> Quota {
        loop {
            let before = self.version.load(Acquire);
            let word = |at: usize| self.words[at].load(Relaxed);
            let (count, burst, period) = (word(0), word(1), word(2));
            let (step, parts, tolerance, part) = (word(3), word(4), word(5), word(6));
            fence(Acquire);
            if before.is_multiple_of(2) && self.version.load(Relaxed) == before {
                let rate = Rate {
                    step: Span { nanos: step, part: (parts >> 32) as u32 },
                    tolerance: Span { nanos: tolerance, part: part as u32 },
                    den: parts as u32,
                };
                return Quota::from_parts(count, burst, period, rate);
            }
            std::hint::spin_loop();
        }
    }

    /// Whether the quota is not the first one.
    #[inline]
    pub(crate) fn is_swapped(&self) -> bool {
        self.version.load(Relaxed) > 2
    }

    pub(crate) fn set(&self, quota: Quota) {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, burst, period, rate) = quota.parts();
        let words = [
            count,
            burst,
            period,
            rate.step.nanos,
            u64::from(rate.step.part) << 32 | u64::from(rate.den),
            rate.tolerance.nanos,
            u64::from(rate.tolerance.part),
        ];
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(word, Relaxed);
        }
        self.version.store(version.wrapping_add(2), Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn readers_never_see_half_of_a_swap() {
        let quotas =
            [Quota::per_second(3), Quota::per_day(7).burst(2), Quota::per_second(1_000_007)];
        let cell = QuotaCell::new(quotas[0]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0..30_000 {
                    cell.set(quotas[turn % 3]);
                }
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..30_000 {
                        assert!(quotas.contains(&cell.get()));
                    }
                });
            }
        });
    }
}
