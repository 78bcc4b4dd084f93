//! The units that an instance holds of one bucket, taken by an atomic.

use std::time::Duration;

use tower_ready_core::Instant;

use crate::sync::{AtomicU64, Ordering};

/// Units that were leased, until they lapse.
///
/// The count and the number of a round are one word, so that who gives units back does so only in
/// the round in which it took them: once a round was reported, they have been written off.
#[derive(Debug)]
pub(crate) struct Pot {
    /// The round above, the units below.
    word: AtomicU64,
    /// Nothing is taken at this moment or later, on the clock of this instance.
    lapses: AtomicU64,
}

/// Units that were taken, by which they can be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    round: u64,
    pub(crate) units: u64,
    pub(crate) left: u64,
}

const UNITS: u32 = 24;
const MASK: u64 = (1 << UNITS) - 1;

impl Pot {
    /// No instance holds more.
    pub(crate) const MAX: u64 = MASK;

    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(0), lapses: AtomicU64::new(0) }
    }

    /// Takes units, if they are there.
    #[inline]
    pub(crate) fn take(&self, now: Instant, units: u64) -> Option<Taken> {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let left = (word & MASK).checked_sub(units)?;
            if now.as_nanos() >= self.lapses.load(Ordering::Acquire) {
                return None;
            }
            match self.word.compare_exchange_weak(
                word,
                word - units,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(Taken { round: word >> UNITS, units, left }),
                Err(current) => word = current,
            }
        }
    }

    /// Gives units back, unless what they were taken from was reported since.
    pub(crate) fn put_back(&self, taken: Taken) {
        let mut word = self.word.load(Ordering::Acquire);
        while word >> UNITS == taken.round {
            let back = word + taken.units;
            match self.word.compare_exchange_weak(word, back, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }

    /// What is held, for a report: it may get less from now on, and never more. All of it is taken
    /// out when it is given back, or has lapsed.
    pub(crate) fn report(&self, now: Instant, give_back: bool) -> (u64, u64) {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let units = word & MASK;
            let lapsed = now.as_nanos() >= self.lapses.load(Ordering::Acquire);
            let held = if lapsed || give_back { 0 } else { units };
            match self.word.compare_exchange_weak(
                word,
                next_round(word) | held,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return (held, if give_back && !lapsed { units } else { 0 }),
                Err(current) => word = current,
            }
        }
    }

    /// Of `held` that were reported so many are kept, and `more` come on top, all of them for
    /// `life` from when the report was made.
    pub(crate) fn renew(&self, reported: Instant, held: u64, kept: u64, more: u64, life: Duration) {
        // First, since what is held is known to be held for as long.
        self.lapses.store((reported + life).as_nanos(), Ordering::Release);
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let units = (word & MASK).saturating_sub(held.saturating_sub(kept)) + more;
            match self.word.compare_exchange_weak(
                word,
                next_round(word) | units.min(MASK),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }

    pub(crate) fn units(&self) -> u64 {
        self.word.load(Ordering::Acquire) & MASK
    }

    pub(crate) fn lapses(&self) -> Instant {
        Instant::from_nanos(self.lapses.load(Ordering::Acquire))
    }
}

const fn next_round(word: u64) -> u64 {
    ((word >> UNITS).wrapping_add(1)) << UNITS
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(1);

    #[test]
    fn what_lapsed_is_not_taken() {
        let (pot, start) = (Pot::new(), Instant::from_nanos(1_000));
        assert!(pot.take(start, 1).is_none());
        pot.renew(start, 0, 0, 10, LIFE);
        assert_eq!(pot.take(start, 3).unwrap().left, 7);
        assert!(pot.take(start, 8).is_none());
        assert!(pot.take(start + LIFE, 1).is_none());
        assert_eq!(pot.report(start + LIFE, false), (0, 0));
        pot.renew(start + LIFE, 0, 0, 5, LIFE);
        assert_eq!(pot.units(), 5, "what lapsed does not come back");
    }

    #[test]
    fn units_are_given_back_only_before_they_were_reported() {
        let (pot, start) = (Pot::new(), Instant::from_nanos(1_000));
        pot.renew(start, 0, 0, 10, LIFE);
        let one = pot.take(start, 1).unwrap();
        let two = pot.take(start, 2).unwrap();
        pot.put_back(one);
        assert_eq!(pot.report(start, false), (8, 0));
        pot.put_back(two);
        assert_eq!(pot.units(), 8);
        // Of eight that were reported Redis knew five, and one was spent meanwhile.
        pot.take(start, 1).unwrap();
        pot.renew(start, 8, 5, 4, LIFE);
        assert_eq!(pot.units(), 8 - 1 - 3 + 4);
        assert_eq!(pot.report(start, true), (0, 8));
        assert_eq!(pot.units(), 0);
    }
}

#[cfg(all(test, loom))]
mod explored {
    use loom::{sync::Arc, thread};

    use super::*;

    /// Two threads take, and one of them gives back, while a third reports and renews.
    #[test]
    fn no_unit_is_spent_twice() {
        let mut model = loom::model::Builder::new();
        // Without a bound it did not end within two minutes: what takes more than two forced
        // switches of threads to go wrong is not found here.
        model.preemption_bound = Some(2);
        model.check(|| {
            let start = Instant::from_nanos(1_000);
            let life = Duration::from_secs(1);
            let pot = Arc::new(Pot::new());
            pot.renew(start, 0, 0, 2, life);
            let taker = {
                let pot = Arc::clone(&pot);
                thread::spawn(move || pot.take(start, 1).is_some() as u64)
            };
            let giver = {
                let pot = Arc::clone(&pot);
                thread::spawn(move || {
                    if let Some(taken) = pot.take(start, 1) {
                        pot.put_back(taken);
                    }
                })
            };
            // What is out is what was reported, and one more.
            let (held, _) = pot.report(start, false);
            let written_off = 2 - held;
            pot.renew(start, held, held, 1, life);
            let spent = taker.join().unwrap();
            giver.join().unwrap();
            assert!(spent + pot.units() <= held + 1 + written_off);
            assert!(pot.units() <= held + 1);
        });
    }
}
