//! Client-side throttling, in place of the three states.
//!
//! A client lets through a few times as many calls as are accepted, and sheds the rest by itself:
//! "Handling Overload" in Google's book on site reliability engineering. The share that it sheds is
//! `(requests - k * accepts) / (requests + 1)`, of the calls of the window.

use tower_ready_core::Instant;

use super::window::{Counts, Window};
use crate::sync::{AtomicU64, Ordering::Relaxed};

#[derive(Debug)]
pub(crate) struct Throttle {
    /// How many times as many calls pass as are accepted.
    factor: f64,
    /// The share to shed, as the bits of an `f64`.
    share: AtomicU64,
    /// When the share is reckoned anew.
    due: AtomicU64,
    /// When a call passed last, if there was one to shed.
    passed: AtomicU64,
    /// How many calls met a share.
    turn: AtomicU64,
}

/// Once in this time a call passes, however bad things are: else nobody would hear of better times.
const SECOND: u64 = 1_000_000_000;

impl Throttle {
    pub(crate) fn new(factor: f64) -> Self {
        Self {
            factor,
            share: AtomicU64::default(),
            due: AtomicU64::default(),
            passed: AtomicU64::default(),
            turn: AtomicU64::default(),
        }
    }

    /// Whether a call passes.
    pub(crate) fn lets_pass(&self, window: &Window, generation: u32, now: Instant) -> bool {
        let nanos = now.as_nanos();
        if nanos >= self.due.load(Relaxed) {
            // A tenth of a bucket: the sum over the ring is not for every call.
            self.due.store(nanos + window.span().bucket / 10, Relaxed);
            let counts = window.counts(generation, now);
            self.share.store(to_shed(&counts, self.factor).to_bits(), Relaxed);
        }
        let share = f64::from_bits(self.share.load(Relaxed));
        if share <= 0.0 || spread(self.turn.fetch_add(1, Relaxed)) >= share {
            self.passed.store(nanos, Relaxed);
            return true;
        }
        let passed = self.passed.load(Relaxed);
        nanos.saturating_sub(passed) >= SECOND
            && self.passed.compare_exchange(passed, nanos, Relaxed, Relaxed).is_ok()
    }

    /// Something changed: the next call reckons anew.
    pub(crate) fn refresh(&self) {
        self.due.store(0, Relaxed);
    }

    pub(crate) fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Relaxed))
    }
}

fn to_shed(counts: &Counts, accepts_factor: f64) -> f64 {
    let requests = (counts.total() + counts.shed) as f64;
    ((requests - accepts_factor * counts.successes as f64) / (requests + 1.0)).max(0.0)
}

/// Numbers between 0 and 1 that lie evenly however few are taken: multiples of the golden ratio.
/// Chance would do too, but would have to be kept for each thread.
pub(crate) fn spread(turn: u64) -> f64 {
    (turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::circuit::window::{Kind, Span};

    const SPAN: Span = Span { bucket: SECOND, buckets: 10 };

    /// A second of a hundred calls of which the backend accepts some; how many were let through.
    fn second(throttle: &Throttle, window: &Window, start: Instant, accepts: bool) -> u32 {
        let mut passed = 0;
        for call in 0..100 {
            let now = start + Duration::from_millis(10) * call;
            let kind = match throttle.lets_pass(window, 0, now) {
                false => Kind::Shed,
                true if accepts => Kind::Success,
                true => Kind::Failure,
            };
            passed += u32::from(kind != Kind::Shed);
            window.add(kind, 0, now);
        }
        passed
    }

    #[test]
    fn a_dead_backend_gets_a_trickle_and_a_live_one_everything() {
        let window = Window::new(SPAN, 1, 4, false);
        let throttle = Throttle::new(2.0);
        let mut now = Instant::from_nanos(1_000 * SECOND);
        let mut run = |accepts: bool| {
            now = now + Duration::from_secs(1);
            second(&throttle, &window, now, accepts)
        };
        for _ in 0..15 {
            assert_eq!(run(true), 100, "everything passes while all is well");
        }
        let dead: Vec<_> = (0..15).map(|_| run(false)).collect();
        assert!(dead.is_sorted_by(|a, b| a >= b), "{dead:?}");
        assert!((1..=2).contains(&dead[14]), "a trickle, never none: {dead:?}");
        // What passes may double in each window, so a trickle takes some of them to be everything.
        let alive: Vec<_> = (0..100).map(|_| run(true)).collect();
        assert!(alive[20] < 50 && alive[99] >= 99, "{alive:?}");
    }

    #[test]
    fn a_backend_that_accepts_half_is_offered_all_of_it() {
        let counts = Counts { successes: 50, failures: 50, ..Counts::default() };
        assert_eq!(to_shed(&counts, 2.0), 0.0);
        assert!(to_shed(&counts, 1.1) > 0.4);
    }
}
