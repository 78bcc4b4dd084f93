//! Refusals that hold for a while, so that nobody asks for them again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tower_ready_core::Instant;

use crate::{
    KeyHash,
    quota::Span,
    store::{Demand, Reading},
};

/// The buckets that had not enough when they were last asked.
///
/// A bucket that somebody takes from only gets emptier, so what was full at a moment at the earliest
/// is not full before it. A refund elsewhere, a reset or a raised quota is noticed when an entry is
/// [`LONGEST`](Self::LONGEST) old. The memory is fixed: a newer entry takes the place of an older.
#[derive(Debug)]
pub(super) struct Denied {
    shards: Box<[Mutex<Box<[Entry]>>]>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: KeyHash,
    /// The bucket is not full before this.
    full: Span,
    until: Instant,
}

const SHARDS: usize = 64;

impl Denied {
    pub(super) const LONGEST: Duration = Duration::from_secs(1);

    pub(super) fn new(entries: usize) -> Self {
        let empty =
            Entry { key: KeyHash::from_bits(0), full: Span::ZERO, until: Instant::from_nanos(0) };
        let each = entries.div_ceil(SHARDS).max(1);
        let shards = (0..SHARDS).map(|_| Mutex::new(vec![empty; each].into_boxed_slice()));
        Self { shards: shards.collect() }
    }

    /// Remembers that a bucket which was asked at `asked` is full at `full` at the earliest.
    pub(super) fn note(&self, asked: Instant, key: KeyHash, full: Span) {
        self.with(key, |entry| *entry = Entry { key, full, until: asked + Self::LONGEST });
    }

    pub(super) fn forget(&self, key: KeyHash) {
        self.with(key, |entry| {
            if entry.key == key {
                entry.until = Instant::from_nanos(0);
            }
        });
    }

    /// How the bucket stands, if it surely has not enough.
    pub(super) fn look(&self, now: Instant, demand: &Demand<'_>) -> Option<Reading> {
        let entry = self.with(demand.key, |entry| *entry);
        if entry.key != demand.key || now >= entry.until {
            return None;
        }
        let rate = demand.quota.rate();
        let full = rate.read(now, entry.full, demand.debt);
        let lacks = rate.take(now.into(), full, demand.units).is_none();
        lacks.then_some(Reading { full, enough: false })
    }

    fn with<T>(&self, key: KeyHash, f: impl FnOnce(&mut Entry) -> T) -> T {
        let shard = &self.shards[key.low() as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (key.high() % shard.len() as u64) as usize;
        f(&mut shard[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quota;

    #[test]
    fn a_refusal_holds_until_the_bucket_could_have_enough_and_a_second_at_most() {
        let denied = Denied::new(64);
        let quota = Quota::per_second(10);
        let (key, start) = (KeyHash::from_bits(7), Instant::from_nanos(1_000));
        let at = |millis| start + Duration::from_millis(millis);
        let demand = |units| Demand::new(key, &quota).units(units);
        assert!(denied.look(start, &demand(1)).is_none());
        denied.note(start, key, at(1_000).into());
        let level = denied.look(start, &demand(1)).unwrap().level(start, &demand(1));
        assert_eq!(level.wait(1), Some(Duration::from_millis(100)));
        assert!(denied.look(at(99), &demand(1)).is_some());
        assert!(denied.look(at(100), &demand(1)).is_none(), "it may be there");
        assert!(denied.look(at(100), &demand(2)).is_some(), "that much is not");
        assert!(denied.look(start, &Demand::new(KeyHash::from_bits(8), &quota)).is_none());

        denied.note(start, key, at(60_000).into());
        assert!(denied.look(at(999), &demand(10)).is_some());
        assert!(denied.look(at(1_000), &demand(10)).is_none(), "it may have been reset");
        denied.note(start, key, at(60_000).into());
        denied.forget(key);
        assert!(denied.look(start, &demand(10)).is_none());
    }
}
