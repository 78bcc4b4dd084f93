//! One call in flight for each set of buckets; the next one carries all who came meanwhile.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{KeyHash, Quota, store::Demand};

/// What a request takes from one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) key: KeyHash,
    pub(super) quota: Quota,
    pub(super) units: u64,
    pub(super) debt: u64,
    pub(super) swapped: bool,
}

/// What a request takes. Requests that take the same can be told by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set(Arc<[Wish]>);

/// Those who wait, set by set.
#[derive(Debug)]
pub(super) struct Batches<W> {
    shards: Box<[Shard<W>]>,
}

/// Whoever waits for the next call about a set, while one is in flight.
type Shard<W> = Mutex<HashMap<Set, Vec<W>>>;

const SHARDS: usize = 32;

impl Wish {
    pub(super) fn demand(&self) -> Demand<'_> {
        let Self { key, units, debt, swapped, .. } = *self;
        Demand { key, quota: &self.quota, units, debt, swapped }
    }
}

impl From<&Demand<'_>> for Wish {
    fn from(demand: &Demand<'_>) -> Self {
        let Demand { key, quota, units, debt, swapped } = *demand;
        Self { key, quota: *quota, units, debt, swapped }
    }
}

impl Set {
    pub(super) fn wishes(&self) -> &[Wish] {
        &self.0
    }
}

impl FromIterator<Wish> for Set {
    fn from_iter<I: IntoIterator<Item = Wish>>(wishes: I) -> Self {
        Self(wishes.into_iter().collect())
    }
}

/// Keys are hashes of callers, so the first of them is as good as all.
impl Hash for Set {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.first().map(|wish| wish.key).hash(state);
    }
}

impl<W> Batches<W> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Waits for the next call, or, if none is in flight, is to make one.
    pub(super) fn join(&self, set: &Set, waiter: W) -> Option<Vec<W>> {
        match self.shard(set).entry(set.clone()) {
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(waiter);
                None
            }
            Entry::Vacant(idle) => {
                idle.insert(Vec::new());
                Some(vec![waiter])
            }
        }
    }

    /// A call came back: those who have come meanwhile, for the next one, if there are any.
    pub(super) fn landed(&self, set: &Set) -> Option<Vec<W>> {
        let mut shard = self.shard(set);
        let waiting = std::mem::take(shard.get_mut(set)?);
        if waiting.is_empty() {
            shard.remove(set);
            return None;
        }
        Some(waiting)
    }

    fn shard(&self, set: &Set) -> MutexGuard<'_, HashMap<Set, Vec<W>>> {
        let first = set.0.first().map_or(0, |wish| wish.key.low());
        let shard = &self.shards[first as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: u128, units: u64) -> Set {
        let key = KeyHash::from_bits(key);
        std::iter::once(Wish { key, quota: Quota::per_second(1), units, debt: 0, swapped: false })
            .collect()
    }

    #[test]
    fn the_next_call_carries_all_who_came_while_one_was_under_way() {
        let batches = Batches::new();
        assert_eq!(batches.join(&set(1, 1), 'a'), Some(vec!['a']));
        assert_eq!(batches.join(&set(1, 1), 'b'), None);
        assert_eq!(batches.join(&set(1, 1), 'c'), None);
        assert_eq!(batches.join(&set(2, 1), 'd'), Some(vec!['d']), "another caller");
        assert_eq!(batches.join(&set(1, 2), 'e'), Some(vec!['e']), "another cost");
        assert_eq!(batches.landed(&set(1, 1)), Some(vec!['b', 'c']));
        assert_eq!(batches.landed(&set(1, 1)), None);
        assert_eq!(batches.join(&set(1, 1), 'f'), Some(vec!['f']));
        assert_eq!(batches.landed(&set(2, 1)), None);
        assert!(batches.shards.iter().map(|it| it.lock().unwrap().len()).sum::<usize>() == 2);
    }
}
