//! The store in memory.

use std::{cmp::Reverse, collections::BinaryHeap, future::Ready, sync::Arc, time::Duration};

use tower_ready_core::Instant;

use super::{Change, Demand, Reading, Store, StoreError, Table, Taking, take::read};
use crate::{
    Level,
    error::{ConfigError, ConfigErrorKind},
    hash::KeyTag,
    quota::Span,
};

/// Keeps buckets in a table of fixed size: 24 bytes for each key, taken when it is made.
///
/// A bucket that is full again is a free place, so no task sweeps the table and nothing grows. It is
/// a handle: clones share the table, and several limiters may share one. It needs no Tower:
///
/// ```
/// use tower_ready_core::Instant;
/// use tower_ready_ratelimit::{Quota, KeyHash, store::Demand, MemoryStore};
///
/// let store = MemoryStore::new(10_000)?;
/// let quota = Quota::per_minute(2);
/// let alice = Demand::new(KeyHash::from_bits(0xa11ce << 90), &quota);
/// let now = Instant::now();
/// assert!(store.check(now, &alice).is_ok());
/// assert!(store.check(now, &alice).is_ok());
/// let level = store.check(now, &alice).unwrap_err();
/// assert_eq!(level.wait(1).unwrap().as_secs(), 30);
/// # Ok::<(), tower_ready_ratelimit::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStore {
    pub(super) table: Arc<Table>,
    pub(super) overflow: Overflow,
}

/// What becomes of a key for which the table has no place, since all that it could have are taken by
/// buckets that are not full yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It shares a bucket with the others that have no place. Never more passes than the quota
    /// allows, and some may be refused early. The default.
    #[default]
    Share,
    /// It is refused until a place is free.
    Refuse,
    /// It passes uncounted: no caller is refused wrongly, and there is no bound.
    Admit,
}

/// One of the buckets that are furthest from full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct HotKey {
    /// How long until it is full, if nobody takes.
    pub full_in: Duration,
    /// Whose it is, as events and logs name it.
    pub tag: KeyTag,
}

impl MemoryStore {
    /// The number of keys of a store that nobody made otherwise: a million, in 24 MB.
    pub const DEFAULT_KEYS: usize = 1_000_000;

    /// The most keys that a store may be for: a billion, in 24 GB.
    pub const MAX_KEYS: usize = 1_000_000_000;

    /// The largest set that is taken as one.
    pub const MAX_SET: usize = 8;

    /// A store for so many keys at a time.
    ///
    /// # Errors
    ///
    /// When `keys` is zero, or more than [`MAX_KEYS`](Self::MAX_KEYS).
    pub fn new(keys: usize) -> Result<Self, ConfigError> {
        if !(1..=Self::MAX_KEYS).contains(&keys) {
            return Err(ConfigError::new(ConfigErrorKind::Capacity));
        }
        Ok(Self { table: Arc::new(Table::new(keys)), overflow: Overflow::default() })
    }

    /// What becomes of a key for which there is no place. Default: [`Overflow::Share`].
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }

    /// The memory that the table takes, for as long as the store lives.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Takes from one bucket.
    ///
    /// # Errors
    ///
    /// The bucket as it stands, when it has not enough.
    pub fn check(&self, now: Instant, demand: &Demand<'_>) -> Result<Level, Level> {
        let reading = self.take_one(now, demand);
        let level = reading.level(now, demand);
        if reading.enough { Ok(level) } else { Err(level) }
    }

    /// A bucket as it stands, untouched.
    #[must_use]
    pub fn peek(&self, now: Instant, demand: &Demand<'_>) -> Level {
        let overflow = self.overflow;
        let full = self.table.with(demand.key, now.as_nanos(), overflow, |place| match place {
            Some(place) => read(&place, now, demand),
            None => self.without_place(now, demand).full,
        });
        let reading = Reading { full, enough: true };
        reading.level(now, demand)
    }

    /// Makes a bucket full no earlier than at `full`.
    #[cfg(feature = "redis")]
    pub(super) fn raise(&self, now: Instant, key: crate::KeyHash, full: Span) {
        self.table.with(key, now.as_nanos(), self.overflow, |place| {
            if let Some(mut place) = place
                && place.full < full
            {
                place.write(full);
            }
        });
    }

    /// How many buckets are not full at this time: the keys that the table has to remember.
    ///
    /// This walks the whole table, a bucket at a time: some milliseconds for a million keys.
    #[must_use]
    pub fn in_use(&self, now: Instant) -> usize {
        let mut count = 0;
        self.table.each(now.as_nanos(), |_, _| count += 1);
        count
    }

    /// The `count` buckets that are furthest from full, the furthest first.
    ///
    /// This walks the whole table, a bucket at a time: some milliseconds for a million keys.
    #[must_use]
    pub fn hottest(&self, now: Instant, count: usize) -> Vec<HotKey> {
        let mut hottest = BinaryHeap::new();
        self.table.each(now.as_nanos(), |tag, full| {
            let full_in = Duration::from_nanos(full.ceil().saturating_sub(now.as_nanos()));
            hottest.push(Reverse(HotKey { full_in, tag }));
            if hottest.len() > count {
                hottest.pop();
            }
        });
        hottest.into_sorted_vec().into_iter().map(|Reverse(key)| key).collect()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { table: Arc::new(Table::new(Self::DEFAULT_KEYS)), overflow: Overflow::default() }
    }
}

impl Store for MemoryStore {
    type Trip = Ready<Result<Vec<Reading>, StoreError>>;

    #[inline]
    fn take(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Taking<Self::Trip> {
        Taking::Done(match (demands, &mut *readings) {
            ([], _) => true,
            ([demand], [reading, ..]) => {
                *reading = self.take_one(now, demand);
                reading.enough
            }
            _ if demands.len() > Self::MAX_SET => false,
            (demands, readings) => {
                let two = <&[Demand<'_>; 2]>::try_from(demands).ok();
                let two = two.zip(<&mut [Reading; 2]>::try_from(&mut *readings).ok());
                two.and_then(|(demands, readings)| self.take_two(now, demands, readings))
                    .unwrap_or_else(|| self.take_all(now, demands, readings))
            }
        })
    }

    fn adjust(&self, now: Instant, demand: &Demand<'_>, change: Change) {
        let overflow = self.overflow;
        self.table.with(demand.key, now.as_nanos(), overflow, |place| {
            let Some(mut place) = place else { return };
            let level = Level {
                quota: *demand.quota,
                now: now.as_nanos(),
                full: read(&place, now, demand),
            };
            match change {
                Change::Charge => {
                    let charged = level.charge(demand.units).within(demand.debt);
                    place.write(charged.full.max(level.full));
                }
                Change::Refund => place.write(level.refund(demand.units).full),
                // The cell that others share is theirs too.
                Change::Reset if place.own => place.write(Span::ZERO),
                Change::Reset => {}
            }
        });
    }

    fn is_local(&self) -> bool {
        true
    }
}

#[cfg(all(test, not(loom)))]
#[path = "memory_tests.rs"]
mod tests;

#[cfg(all(test, loom))]
#[path = "memory_loom.rs"]
mod explored;
