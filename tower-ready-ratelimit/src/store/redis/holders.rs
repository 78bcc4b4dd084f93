//! What an instance holds, bucket by bucket.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tokio::sync::oneshot;

use super::{inner::Answered, lease::Holder};
use crate::{KeyHash, Quota, store::Reading};

/// What this instance holds of one bucket.
pub(super) struct Entry {
    pub(super) key: KeyHash,
    /// The quota by which it was last asked for.
    quota: Mutex<Quota>,
    pub(super) holder: Holder<Waiter>,
}

/// Whoever waits for units of one bucket.
pub(super) type Waiter = oneshot::Sender<Answered<Reading>>;

type Shard = RwLock<HashMap<KeyHash, Arc<Entry>, BuildHasherDefault<Low>>>;

/// Buckets that somebody wanted units of lately. Their number is bounded.
pub(super) struct Holders {
    shards: Box<[Shard]>,
    each: usize,
}

const SHARDS: usize = 64;

impl Holders {
    pub(super) fn new(most: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { shards, each: most.div_ceil(SHARDS) }
    }

    #[inline]
    pub(super) fn with<T>(&self, key: KeyHash, f: impl FnOnce(&Arc<Entry>) -> T) -> Option<T> {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&key).map(f)
    }

    /// The entry of a key, an old one or a new. When there are too many it is nobody's but the
    /// caller's, and what it holds is what the caller takes.
    pub(super) fn entry(&self, key: KeyHash, quota: &Quota) -> Arc<Entry> {
        if let Some(entry) = self.with(key, Arc::clone) {
            return entry;
        }
        let mut shard = self.shard(key).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shard.get(&key) {
            return Arc::clone(entry);
        }
        let entry = Arc::new(Entry { key, quota: Mutex::new(*quota), holder: Holder::new() });
        if shard.len() < self.each {
            shard.insert(key, Arc::clone(&entry));
        }
        entry
    }

    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.values().cloned());
        }
        all
    }

    /// Forgets what is idle and in nobody's hands.
    pub(super) fn sweep(&self, is_idle: impl Fn(&Entry) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, entry| Arc::strong_count(entry) > 1 || !is_idle(entry));
        }
    }

    fn shard(&self, key: KeyHash) -> &Shard {
        &self.shards[key.high() as usize % SHARDS]
    }
}

impl Entry {
    pub(super) fn quota(&self) -> Quota {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_quota(&self, quota: &Quota) {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner) = *quota;
    }
}

/// A key is a good hash already.
#[derive(Default)]
pub(super) struct Low(u64);

impl Hasher for Low {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, bits: u128) {
        self.0 = bits as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
