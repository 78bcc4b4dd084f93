//! Tokens that were checked before.

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use quick_cache::{Weighter, sync};

use super::claims::Window;
use crate::{Principal, digest::sha256, time::Millis};

/// How long a token is taken for checked, however long it lives.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What was found out about a token, by the SHA-256 of all of it.
///
/// Never a part of the token and never a shorter hash: both have made one caller out of two before.
/// Only good tokens are kept, so nobody can fill it with others, and each hit is checked again for
/// all that may have changed: the time, the keys, and outside of here revocation and policies.
pub(super) struct Cache(sync::Cache<[u8; 32], Checked, BySize, ByDigest>);

/// A token of ordinary size counts as one, a larger one as several.
#[derive(Clone, Copy, Debug)]
struct BySize;

const ORDINARY: usize = 2 * 1_024;

#[derive(Clone)]
pub(super) struct Checked {
    pub(super) principal: Principal,
    pub(super) window: Window,
    pub(super) generation: u64,
    pub(super) at: Millis,
}

impl Cache {
    pub(super) fn new(entries: usize) -> Self {
        let weight = entries as u64;
        Self(sync::Cache::with(
            entries,
            weight,
            BySize,
            ByDigest,
            sync::DefaultLifecycle::default(),
        ))
    }

    pub(super) fn key(token: &[u8]) -> [u8; 32] {
        sha256(token)
    }

    pub(super) fn get(&self, key: &[u8; 32], generation: u64, now: Millis) -> Option<Checked> {
        let checked = self.0.get(key)?;
        let is_fresh =
            checked.generation == generation && now >= checked.at && now < checked.at.plus(LONGEST);
        if !is_fresh {
            self.0.remove(key);
            return None;
        }
        Some(checked)
    }

    pub(super) fn insert(&self, key: [u8; 32], checked: Checked) {
        self.0.insert(key, checked);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Weighter<[u8; 32], Checked> for BySize {
    fn weight(&self, _: &[u8; 32], checked: &Checked) -> u64 {
        1 + (checked.principal.inner().payload.len() / ORDINARY) as u64
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} of {})", self.len(), self.0.capacity())
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
