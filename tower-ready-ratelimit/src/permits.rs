//! How many at a time.

use std::{fmt, sync::Arc};

use crate::{
    hash::KeyHash,
    quota::Span,
    store::{Overflow, Table},
};

/// Counts the requests in flight of each key. An entry holds a count, and is free at zero.
#[derive(Debug)]
pub(crate) struct Permits {
    table: Table,
    each: u32,
}

/// One request in flight, until it is dropped.
pub(crate) struct Permit {
    permits: Arc<Permits>,
    key: KeyHash,
}

/// Free entries are those at or before this "moment": a count of zero.
const ZERO: u64 = 0;

impl Permits {
    pub(crate) fn new(each: u32, keys: usize) -> Self {
        Self { table: Table::new(keys), each }
    }

    pub(crate) const fn each(&self) -> u32 {
        self.each
    }

    /// One more in flight, and how many permits are left then; none if all are given out, or if
    /// there is no room for another key, which is to have none given out too many.
    pub(crate) fn acquire(self: &Arc<Self>, key: KeyHash) -> Option<(Permit, u32)> {
        self.table.with(key, ZERO, Overflow::Refuse, |place| {
            let mut place = place?;
            let taken = place.full.nanos + 1;
            let left = u64::from(self.each).checked_sub(taken)?;
            place.write(Span { nanos: taken, part: 0 });
            let permit = Permit { permits: Arc::clone(self), key };
            Some((permit, left as u32))
        })
    }

    pub(crate) fn in_flight(&self, key: KeyHash) -> u64 {
        self.table
            .with(key, ZERO, Overflow::Refuse, |place| place.map_or(0, |place| place.full.nanos))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.table.with(self.key, ZERO, Overflow::Refuse, |place| {
            if let Some(mut place) = place {
                place.write(Span { nanos: place.full.nanos.saturating_sub(1), part: 0 });
            }
        });
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_given_back_when_it_is_dropped() {
        let permits = Arc::new(Permits::new(2, 16));
        let (alice, bob) = (KeyHash::from_bits(1 << 64 | 1), KeyHash::from_bits(2 << 64 | 2));
        let first = permits.acquire(alice).unwrap();
        let second = permits.acquire(alice).unwrap();
        assert_eq!((first.1, second.1), (1, 0));
        assert!(permits.acquire(alice).is_none());
        assert!(permits.acquire(bob).is_some());
        drop(first);
        assert_eq!(permits.in_flight(alice), 1);
        assert!(permits.acquire(alice).is_some());
        drop(second);
        assert_eq!((permits.in_flight(alice), permits.in_flight(bob)), (0, 0));
    }

    #[test]
    fn threads_never_hold_more_than_there_are() {
        let permits = Arc::new(Permits::new(3, 1));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for key in (0..20_000).map(|turn| KeyHash::from_bits(turn % 20)) {
                        let held = permits.acquire(key);
                        assert!(permits.in_flight(key) <= 3);
                        drop(held);
                    }
                });
            }
        });
        assert!((0..20).all(|key| permits.in_flight(KeyHash::from_bits(key)) == 0));
    }
}
