//! What a store has done.

use crate::stats::Counter;

/// What a [`RedisStore`](super::RedisStore) has done since it was made, and how it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStats {
    /// Sets of buckets that it decided about, or tried to.
    pub decisions: u64,
    /// Of these, how many passed by units that this instance held.
    pub held: u64,
    /// Of these, how many were refused without asking, because the answer was known.
    pub known: u64,
    /// Commands that were sent to Redis.
    pub trips: u64,
    /// Commands that failed or took too long.
    pub failures: u64,
    /// Decisions that Redis was not asked about, because it had just failed.
    pub skipped: u64,
    /// How often Redis had forgotten a script.
    pub reloads: u64,
    /// How often so many commands failed in a row that Redis was not asked for a while.
    pub outages: u64,
    /// Whether it is so now.
    pub is_out: bool,
    /// How many instances there are, this one included.
    pub instances: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) decisions: Counter,
    pub(super) held: Counter,
    pub(super) known: Counter,
    pub(super) trips: Counter,
    pub(super) failures: Counter,
    pub(super) skipped: Counter,
    pub(super) reloads: Counter,
    pub(super) outages: Counter,
}

impl Counters {
    pub(super) fn read(&self) -> RedisStats {
        RedisStats {
            decisions: self.decisions.sum(),
            held: self.held.sum(),
            known: self.known.sum(),
            trips: self.trips.sum(),
            failures: self.failures.sum(),
            skipped: self.skipped.sum(),
            reloads: self.reloads.sum(),
            outages: self.outages.sum(),
            ..RedisStats::default()
        }
    }
}
