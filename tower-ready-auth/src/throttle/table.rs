use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tower_ready_core::Instant;

/// Bounds the memory to some megabytes. When all places are taken by what counts right now, a
/// further one gets none, rather than that one of them is forgotten.
pub(super) const MOST: usize = 64 * 1_024;

const SHARDS: usize = 16;

/// What is known of some keys, which are hashes that nobody outside can foresee.
pub(super) struct Table<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    /// Read first: while nothing is known, a request costs no more than this.
    len: AtomicUsize,
}

struct Shard<V> {
    values: HashMap<u64, V>,
    /// When it was last looked through for what may be forgotten.
    swept: Option<Instant>,
}

/// What counts for a while.
pub(super) trait Passing {
    fn is_over(&self, now: Instant) -> bool;
}

impl<V: Passing> Table<V> {
    pub(super) fn new() -> Self {
        Self { shards: Default::default(), len: AtomicUsize::new(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Looks at a value, if it counts still.
    pub(super) fn look<T>(&self, key: u64, now: Instant, at: impl FnOnce(&V) -> T) -> Option<T> {
        let mut shard = self.shard(key);
        let value = shard.values.get(&key)?;
        if value.is_over(now) {
            shard.values.remove(&key);
            self.len.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(at(value))
    }

    /// Changes a value, or the one that a new key begins with, if there is a place for it.
    pub(super) fn change<T>(
        &self,
        key: u64,
        now: Instant,
        new: V,
        change: impl FnOnce(&mut V) -> T,
    ) -> Option<T> {
        let mut shard = self.shard(key);
        if !shard.values.contains_key(&key) {
            if !self.make_room(&mut shard, now) {
                return None;
            }
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        Some(change(shard.values.entry(key).or_insert(new)))
    }

    pub(super) fn remove(&self, key: u64) {
        if self.shard(key).values.remove(&key).is_some() {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Forgets what is over, when a shard has no room: at most once in a second, so that a flood
    /// does not make each request look through all of it.
    fn make_room(&self, shard: &mut Shard<V>, now: Instant) -> bool {
        let Shard { values, swept } = shard;
        let is_full = |values: &HashMap<u64, V>| values.len() >= MOST / SHARDS;
        if is_full(values) && swept.is_none_or(|swept| now.since(swept) >= Duration::from_secs(1)) {
            *swept = Some(now);
            let before = values.len();
            values.retain(|_, value| !value.is_over(now));
            self.len.fetch_sub(before - values.len(), Ordering::Relaxed);
        }
        !is_full(values)
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard<V>> {
        let shard = &self.shards[key as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { values: HashMap::new(), swept: None }
    }
}
