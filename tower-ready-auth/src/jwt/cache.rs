//! Tokens that were checked before.

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use quick_cache::{Weighter, sync};

use super::claims::Window;
use crate::{Principal, digest::sha256, time::Millis};

/// What was found out about a token, by the SHA-256 of all of it.
///
/// Never a part of the token and never a shorter hash: both have made one caller out of two before.
/// Only good tokens are kept, so nobody can fill it with others, and each hit is checked again for
/// all that may have changed: the time, the keys, and outside of here revocation and policies.
pub(crate) struct Cache {
    tokens: sync::Cache<[u8; 32], Checked, BySize, ByDigest>,
    /// How long a token is taken for checked, however long it lives.
    longest: Duration,
}

/// A token of ordinary size counts as one, a larger one as several.
#[derive(Clone, Copy, Debug)]
struct BySize;

const ORDINARY: usize = 2 * 1_024;

/// How many tokens there is room for from the start. A cache for more grows as they come.
const ROOM: usize = 1 << 16;

#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) principal: Principal,
    pub(crate) window: Window,
    pub(crate) generation: u64,
    pub(crate) at: Millis,
}

impl Cache {
    pub(crate) fn new(entries: usize, longest: Duration) -> Self {
        let (weight, life) = (entries as u64, sync::DefaultLifecycle::default());
        let room = entries.min(ROOM);
        Self { tokens: sync::Cache::with(room, weight, BySize, ByDigest, life), longest }
    }

    pub(crate) fn key(token: &[u8]) -> [u8; 32] {
        sha256(token)
    }

    pub(crate) fn get(&self, key: &[u8; 32], generation: u64, now: Millis) -> Option<Checked> {
        let checked = self.tokens.get(key)?;
        let is_fresh = checked.generation == generation
            && now >= checked.at
            && now < checked.at.plus(self.longest);
        if !is_fresh {
            self.tokens.remove(key);
            return None;
        }
        Some(checked)
    }

    pub(crate) fn insert(&self, key: [u8; 32], checked: Checked) {
        self.tokens.insert(key, checked);
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }
}

/// Tokens that are not good, as their issuer said, for a while. Apart from the good ones, since
/// everybody can fill it.
#[cfg(feature = "jwks-http")]
pub(crate) struct Unknown {
    tokens: sync::Cache<[u8; 32], Millis, quick_cache::UnitWeighter, ByDigest>,
    longest: Duration,
}

#[cfg(feature = "jwks-http")]
impl Unknown {
    pub(crate) fn new(entries: usize, longest: Duration) -> Self {
        let (weight, life) = (entries as u64, sync::DefaultLifecycle::default());
        let unit = quick_cache::UnitWeighter;
        let room = entries.min(ROOM);
        Self { tokens: sync::Cache::with(room, weight, unit, ByDigest, life), longest }
    }

    pub(crate) fn has(&self, key: &[u8; 32], now: Millis) -> bool {
        self.tokens.get(key).is_some_and(|since| now >= since && now < since.plus(self.longest))
    }

    pub(crate) fn insert(&self, key: [u8; 32], now: Millis) {
        self.tokens.insert(key, now);
    }
}

impl Weighter<[u8; 32], Checked> for BySize {
    fn weight(&self, _: &[u8; 32], checked: &Checked) -> u64 {
        1 + (checked.principal.inner().payload.len() / ORDINARY) as u64
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} of {})", self.len(), self.tokens.capacity())
    }
}

/// A digest is as good as any hash of it, and who cannot sign cannot choose it.
#[derive(Clone, Copy, Debug, Default)]
struct ByDigest;

#[derive(Default)]
struct First(u64);

impl BuildHasher for ByDigest {
    type Hasher = First;

    fn build_hasher(&self) -> First {
        First::default()
    }
}

impl Hasher for First {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length of the array comes first, and is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_without_a_bound_takes_no_memory_before_it_is_used() {
        let cache = Cache::new(usize::MAX, Duration::from_secs(60));
        assert_eq!(cache.len(), 0);
    }
}
