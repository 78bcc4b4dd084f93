//! A table that only grows, up to a bound, and is read without a lock.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*},
};

use super::hash::mix;

/// Values by keys other than zero.
///
/// Its places are all there from the start, so that nothing ever moves: a reader finds a key by one
/// load, and a writer claims a free place by one exchange. Half of the places stay free, which
/// keeps the walk to the right one short.
pub(crate) struct Table<V> {
    keys: Box<[AtomicU64]>,
    values: Box<[OnceLock<V>]>,
    /// The places that are taken, from one on, in the order in which they were.
    order: Box<[AtomicU32]>,
    len: AtomicUsize,
    /// How many are there or about to be.
    reserved: AtomicUsize,
}

impl<V> Table<V> {
    /// A table for this many values at most.
    pub(crate) fn new(max: usize) -> Self {
        let places = (max * 2).next_power_of_two().max(4);
        Self {
            keys: (0..places).map(|_| AtomicU64::new(0)).collect(),
            values: (0..places).map(|_| OnceLock::new()).collect(),
            order: (0..max).map(|_| AtomicU32::new(0)).collect(),
            len: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
        }
    }

    /// The value of a key, made now if it is not there; none when there is no room for another.
    #[inline]
    pub(crate) fn get_or_insert(&self, key: u64, make: impl FnOnce() -> V) -> Option<&V> {
        self.place(key).map(|place| self.values[place].get_or_init(make))
    }

    /// How many values there may be, for a walk by number.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Acquire)
    }

    /// The value that came as this one.
    pub(crate) fn at(&self, number: usize) -> Option<&V> {
        let place = self.order.get(number)?.load(Acquire).checked_sub(1)?;
        self.values[place as usize].get()
    }

    #[inline]
    fn place(&self, key: u64) -> Option<usize> {
        debug_assert_ne!(key, 0, "zero is a place that is free");
        let mask = self.keys.len() - 1;
        let mut place = mix(key) as usize & mask;
        loop {
            match self.keys[place].load(Acquire) {
                found if found == key => return Some(place),
                0 => match self.claim(place, key)? {
                    found if found == key => return Some(place),
                    _ => {}
                },
                _ => {}
            }
            place = (place + 1) & mask;
        }
    }

    /// Puts a key at a free place and returns the key that is there then, which may be another's.
    #[cold]
    fn claim(&self, place: usize, key: u64) -> Option<u64> {
        if self.reserved.fetch_add(1, Relaxed) >= self.order.len() {
            self.reserved.fetch_sub(1, Relaxed);
            return None;
        }
        match self.keys[place].compare_exchange(0, key, AcqRel, Acquire) {
            Ok(_) => {
                let number = self.len.fetch_add(1, AcqRel);
                self.order[number].store(place as u32 + 1, Release);
                Some(key)
            }
            Err(other) => {
                self.reserved.fetch_sub(1, Relaxed);
                Some(other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Barrier, thread};

    use super::*;

    #[test]
    fn a_full_table_takes_no_more_and_keeps_what_it_has() {
        let table = Table::new(100);
        for key in 1..=100 {
            assert_eq!(table.get_or_insert(key, || key * 7), Some(&(key * 7)));
        }
        assert_eq!(table.get_or_insert(101, || 0), None);
        for key in 1..=100 {
            assert_eq!(table.get_or_insert(key, || 0), Some(&(key * 7)));
        }
        assert_eq!(table.len(), 100);
    }

    #[test]
    fn threads_that_insert_the_same_keys_see_the_same_values() {
        const KEYS: u64 = 300;
        let table = Table::new(200);
        let barrier = Barrier::new(4);
        let insert = |thread: u64| {
            barrier.wait();
            let taken = (1..=KEYS).filter_map(|key| {
                let key = (key * (thread * 2 + 1)) % 307 + 1;
                table.get_or_insert(key, || key).copied()
            });
            taken.collect::<HashSet<_>>()
        };
        let found = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || insert(n))).collect();
            threads.into_iter().flat_map(|it| it.join().unwrap()).collect::<HashSet<_>>()
        });
        assert_eq!((found.len(), table.len()), (200, 200));
        assert!((0..200).all(|number| found.contains(table.at(number).unwrap())));
    }
}
