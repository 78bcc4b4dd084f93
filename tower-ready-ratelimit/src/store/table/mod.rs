//! A table of fixed size: hash to moment, sixteen bytes an entry.
//!
//! Entries live in buckets of eight, 128 bytes that a processor fetches as a pair of lines. A key
//! has one bucket on the left, and when that is full of live entries one on the right, which is a
//! fifth as large. What is full again is free: a probe that needs room takes it, so that nothing
//! sweeps the table and no size has to be guessed twice.
//!
//! A bucket is locked by one bit of its first word, for as long as it takes to compare eight tags
//! and write two words. With a lock the same key cannot be entered twice, a moment can be wider than
//! 64 bits, and a set of buckets is taken or left as one. Locks are taken in one order, the left
//! buckets by their index and then the right ones by theirs, so no two threads wait for each other.

mod bucket;

use std::cmp::Ordering;

pub(crate) use self::bucket::Place;
pub(super) use self::bucket::WAYS;
use self::bucket::{Bucket, Locked, SHARED, Search, at};
use super::Overflow;
use crate::{
    hash::{KeyHash, KeyTag},
    quota::Span,
};

pub(crate) struct Table {
    left: Box<[Bucket]>,
    right: Box<[Bucket]>,
}

impl Table {
    /// A table for so many keys, with 24 bytes for each.
    ///
    /// Five quarters as many places on the left and one on the right: of a million live keys seven
    /// in a hundred thousand then find no place of their own.
    pub(crate) fn new(keys: usize) -> Self {
        let buckets =
            |slots: usize| (0..slots.div_ceil(WAYS).max(1)).map(|_| Bucket::default()).collect();
        Self { left: buckets(keys.saturating_add(keys / 4)), right: buckets(keys / 4) }
    }

    pub(super) fn bytes(&self) -> usize {
        (self.left.len() + self.right.len()) * size_of::<Bucket>()
    }

    pub(super) fn left_of(&self, key: KeyHash) -> usize {
        scale(key.low(), self.left.len())
    }

    fn right_of(&self, key: KeyHash) -> usize {
        scale(key.high(), self.right.len())
    }

    /// Reads and writes the entry of one key; `None` when there is no room and no sharing.
    #[inline]
    pub(crate) fn with<T>(
        &self,
        key: KeyHash,
        now: u64,
        overflow: Overflow,
        f: impl FnOnce(Option<Place<'_>>) -> T,
    ) -> T {
        let home = self.left[self.left_of(key)].lock();
        let mut right = None;
        let place = home.place_at_home(key, now).or_else(|| {
            let right = right.insert(self.right[self.right_of(key)].lock());
            spill(&home, right, key.tag(), now, overflow)
        });
        f(place)
    }

    /// Reads and writes the entries of two keys as one, if that is simple: they live in different
    /// buckets, and both have a place on the left. Most sets are two, and most are simple.
    #[inline]
    pub(super) fn with_two<T>(
        &self,
        keys: [KeyHash; 2],
        now: u64,
        f: impl FnOnce([Place<'_>; 2]) -> T,
    ) -> Option<T> {
        let [one, other] = keys.map(|key| self.left_of(key));
        let (one, other) = match one.cmp(&other) {
            Ordering::Less => {
                let one = self.left[one].lock();
                (one, self.left[other].lock())
            }
            Ordering::Greater => {
                let other = self.left[other].lock();
                (self.left[one].lock(), other)
            }
            Ordering::Equal => return None,
        };
        Some(f([one.place_at_home(keys[0], now)?, other.place_at_home(keys[1], now)?]))
    }

    /// Reads and writes the entries of a set as one: `f` sees all of them under all their locks.
    pub(super) fn with_all<T>(
        &self,
        keys: &[KeyHash],
        now: u64,
        overflow: Overflow,
        f: impl FnOnce(&mut dyn FnMut(usize, &mut dyn FnMut(Option<Place<'_>>))) -> T,
    ) -> T {
        let left = lock_all(&self.left, keys.iter().map(|key| self.left_of(*key)));
        let needy = keys.iter().filter(|key| {
            let home = locked(&left, self.left_of(**key));
            home.place_at_home(**key, now).is_none()
        });
        // A set may fill the last free place of a bucket with its first key and have none left for
        // its second, so whoever shares a bucket with another of the set locks both of its own.
        let crowded = keys.iter().filter(|key| {
            let home = self.left_of(**key);
            keys.iter().filter(|other| self.left_of(**other) == home).count() > 1
        });
        let right = lock_all(&self.right, needy.chain(crowded).map(|key| self.right_of(*key)));
        f(&mut |index, visit| {
            let key = keys[index];
            let home = locked(&left, self.left_of(key));
            visit(home.place_at_home(key, now).or_else(|| {
                let right = locked(&right, self.right_of(key));
                spill(home, right, key.tag(), now, overflow)
            }));
        })
    }

    /// Every live entry, bucket by bucket.
    pub(super) fn each(&self, now: u64, mut f: impl FnMut(KeyTag, Span)) {
        for (bucket, ways) in self
            .left
            .iter()
            .map(|bucket| (bucket, WAYS))
            .chain(self.right.iter().map(|bucket| (bucket, SHARED)))
        {
            bucket.lock().each(ways, |tag, full| {
                if full > at(now) {
                    f(tag, full);
                }
            });
        }
    }
}

/// Where a key goes whose bucket on the left has no room, or had none before.
#[cold]
#[inline(never)]
fn spill<'a>(
    home: &Locked<'a>,
    right: &Locked<'a>,
    tag: KeyTag,
    now: u64,
    overflow: Overflow,
) -> Option<Place<'a>> {
    // The key may have been charged to the shared cell while there was no room. Whoever gets a
    // place of its own begins where that cell stands, or it would get a second burst.
    let shared = right.shared().full;
    match (right.search(tag, now, SHARED), home.search(tag, now, WAYS)) {
        (Search::Found(at), _) => Some(right.place(at, tag)),
        (_, Search::Free(at)) => Some(home.fresh(at, tag, shared)),
        (Search::Free(at), _) => {
            home.set_spilled();
            Some(right.fresh(at, tag, shared))
        }
        (Search::Full, _) if overflow == Overflow::Share => {
            home.set_spilled();
            Some(right.shared())
        }
        (Search::Full, _) => None,
    }
}

type Set<'a> = [Option<(usize, Locked<'a>)>; WAYS];

/// Locks each bucket once, by rising index.
fn lock_all(buckets: &[Bucket], indexes: impl Iterator<Item = usize>) -> Set<'_> {
    let mut order = [usize::MAX; 2 * WAYS];
    for (place, index) in order.iter_mut().zip(indexes) {
        *place = index;
    }
    order.sort_unstable();
    let mut set = Set::default();
    let mut places = set.iter_mut();
    let mut last = usize::MAX;
    for index in order {
        if index != last
            && let Some(bucket) = buckets.get(index)
        {
            if let Some(place) = places.next() {
                *place = Some((index, bucket.lock()));
            }
            last = index;
        }
    }
    set
}

#[expect(clippy::expect_used, reason = "whoever looks for a bucket has locked it")]
fn locked<'s, 'a>(set: &'s Set<'a>, index: usize) -> &'s Locked<'a> {
    let mut buckets = set.iter().flatten();
    let found = buckets.find(|(place, _)| *place == index);
    &found.expect("the bucket is locked").1
}

/// The upper half of a hash, spread over a range that need be no power of two.
fn scale(hash: u64, range: usize) -> usize {
    ((u128::from(hash) * range as u128) >> 64) as usize
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("places", &((self.left.len() + self.right.len()) * WAYS))
            .finish_non_exhaustive()
    }
}
