//! A table that only grows, up to a bound, and is read without a lock.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*},
};

use super::hash::mix;

/// Values by keys other than zero.
///
/// Its places are all there from the start, so that nothing ever moves: a reader finds a key by one
/// load. Writers take turns, so that the last place goes to whoever comes first and nobody is turned
/// away before. Half of the places stay free, which keeps the walk to the right one short.
pub(crate) struct Table<V> {
    keys: Box<[AtomicU64]>,
    values: Box<[OnceLock<V>]>,
    /// The places that are taken, from one on, in the order in which they were.
    order: Box<[AtomicU32]>,
    len: AtomicUsize,
    writing: Mutex<()>,
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
            writing: Mutex::default(),
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
        // A full table stays so: nobody waits for his turn to hear that.
        let _turn =
            (!self.is_full()).then(|| self.writing.lock().unwrap_or_else(PoisonError::into_inner));
        match self.keys[place].load(Acquire) {
            0 if self.is_full() => None,
            0 => {
                self.keys[place].store(key, Release);
                let number = self.len();
                self.order[number].store(place as u32 + 1, Release);
                self.len.store(number + 1, Release);
                Some(key)
            }
            other => Some(other),
        }
    }

    fn is_full(&self) -> bool {
        self.len() == self.order.len()
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

    #[test]
    fn the_last_place_is_for_all_who_ask_for_its_key() {
        let tables: Vec<_> = (0..2_000).map(|_| Table::new(1)).collect();
        let barrier = Barrier::new(2);
        let insert = || {
            let turned_away = tables.iter().filter(|table| {
                barrier.wait();
                table.get_or_insert(7, || 7).is_none()
            });
            turned_away.count()
        };
        let turned_away = thread::scope(|scope| {
            let threads = [scope.spawn(insert), scope.spawn(insert)];
            threads.map(|it| it.join().unwrap())
        });
        assert_eq!(turned_away, [0, 0]);
    }
}
