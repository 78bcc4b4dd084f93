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

use std::cmp::Ordering;

use super::Overflow;
use crate::{
    hash::{KeyHash, KeyTag},
    quota::Span,
    sync::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        spin,
    },
};

pub(crate) struct Table {
    left: Box<[Bucket]>,
    right: Box<[Bucket]>,
}

pub(super) const WAYS: usize = 8;

/// The last place of a bucket on the right: one cell for all keys that found no room.
const SHARED: usize = WAYS - 1;

/// The sign bit of a tag: in the first entry the lock, in the second "a key of mine is on the
/// right". Below it are 24 bits for parts of a nanosecond, then the tag of the key.
const FLAG: u64 = 1 << 63;

#[derive(Default)]
#[repr(align(128))]
struct Bucket([Entry; WAYS]);

#[derive(Default)]
struct Entry {
    tag: AtomicU64,
    nanos: AtomicU64,
}

/// A bucket that this thread alone may read and write.
struct Locked<'a>(&'a Bucket);

/// The place of a key, under the locks that guard it.
pub(crate) struct Place<'a> {
    entry: &'a Entry,
    /// What the tag becomes when the entry is written; none for the shared cell.
    tag: u64,
    /// What the bucket stands at.
    pub(crate) full: Span,
    /// Whether it belongs to the key alone.
    pub(crate) own: bool,
}

enum Search {
    Found(usize),
    Free(usize),
    Full,
}

impl Table {
    /// A table for so many keys, with 24 bytes for each.
    ///
    /// Five quarters as many places on the left and one on the right: of a million live keys seven
    /// in a hundred thousand then find no place of their own.
    pub(crate) fn new(keys: usize) -> Self {
        let buckets = |slots: usize| {
            (0..slots.div_ceil(WAYS).max(1))
                .map(|_| Bucket::default())
                .collect()
        };
        Self {
            left: buckets(keys.saturating_add(keys / 4)),
            right: buckets(keys / 4),
        }
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
        Some(f([
            one.place_at_home(keys[0], now)?,
            other.place_at_home(keys[1], now)?,
        ]))
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
            keys.iter()
                .filter(|other| self.left_of(**other) == home)
                .count()
                > 1
        });
        let right = lock_all(
            &self.right,
            needy.chain(crowded).map(|key| self.right_of(*key)),
        );
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
            let bucket = bucket.lock();
            for entry in &bucket.0.0[..ways] {
                let full = entry.full();
                if full > at(now) {
                    f(KeyTag::from_bits(entry.tag.load(Relaxed)), full);
                }
            }
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
    let shared = right.0.0[SHARED].full();
    match (right.search(tag, now, SHARED), home.search(tag, now, WAYS)) {
        (Search::Found(at), _) => Some(right.place(at, tag)),
        (_, Search::Free(at)) => Some(home.fresh(at, tag, shared)),
        (Search::Free(at), _) => {
            home.set_spilled();
            Some(right.fresh(at, tag, shared))
        }
        (Search::Full, _) if overflow == Overflow::Share => {
            home.set_spilled();
            Some(Place {
                entry: &right.0.0[SHARED],
                tag: 0,
                full: shared,
                own: false,
            })
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

#[expect(
    clippy::expect_used,
    reason = "whoever looks for a bucket has locked it"
)]
fn locked<'s, 'a>(set: &'s Set<'a>, index: usize) -> &'s Locked<'a> {
    let mut buckets = set.iter().flatten();
    let found = buckets.find(|(place, _)| *place == index);
    &found.expect("the bucket is locked").1
}

/// The upper half of a hash, spread over a range that need be no power of two.
fn scale(hash: u64, range: usize) -> usize {
    ((u128::from(hash) * range as u128) >> 64) as usize
}

const fn at(now: u64) -> Span {
    Span {
        nanos: now,
        part: 0,
    }
}

impl Bucket {
    #[inline]
    fn lock(&self) -> Locked<'_> {
        let word = &self.0[0].tag;
        // Asks for the second line while the first is on its way; to loom, one more state to explore.
        #[cfg(not(loom))]
        let _ = self.0[WAYS / 2].tag.load(Relaxed);
        let mut tries = 0;
        loop {
            let seen = word.load(Relaxed);
            if seen & FLAG == 0
                && word
                    .compare_exchange_weak(seen, seen | FLAG, Acquire, Relaxed)
                    .is_ok()
            {
                return Locked(self);
            }
            spin(&mut tries);
        }
    }
}

impl Entry {
    #[inline]
    fn full(&self) -> Span {
        let part = (self.tag.load(Relaxed) & !FLAG) >> KeyTag::BITS;
        Span {
            nanos: self.nanos.load(Relaxed),
            part: part as u32,
        }
    }
}

impl<'a> Locked<'a> {
    /// The place of a key on the left, if it has one there, or can have one without a look at the
    /// right.
    #[inline]
    fn place_at_home(&self, key: KeyHash, now: u64) -> Option<Place<'a>> {
        match self.search(key.tag(), now, WAYS) {
            Search::Found(at) => Some(self.place(at, key.tag())),
            Search::Free(at) if !self.has_spilled() => Some(self.fresh(at, key.tag(), Span::ZERO)),
            _ => None,
        }
    }

    #[inline]
    fn search(&self, tag: KeyTag, now: u64, ways: usize) -> Search {
        let entries = &self.0.0[..ways];
        let is_it = |entry: &Entry| entry.tag.load(Relaxed) & KeyTag::MASK == tag.to_bits();
        match entries.iter().position(is_it) {
            Some(at) => Search::Found(at),
            None => self.search_free(now, ways),
        }
    }

    #[inline(never)]
    fn search_free(&self, now: u64, ways: usize) -> Search {
        let is_free = |entry: &Entry| entry.full() <= at(now);
        let free = self.0.0[..ways].iter().position(is_free);
        free.map_or(Search::Full, Search::Free)
    }

    #[inline]
    fn place(&self, at: usize, tag: KeyTag) -> Place<'a> {
        let entry = &self.0.0[at];
        Place {
            entry,
            tag: tag.to_bits(),
            full: entry.full(),
            own: true,
        }
    }

    #[inline]
    fn fresh(&self, at: usize, tag: KeyTag, full: Span) -> Place<'a> {
        Place {
            full,
            ..self.place(at, tag)
        }
    }

    fn has_spilled(&self) -> bool {
        self.0.0[1].tag.load(Relaxed) & FLAG != 0
    }

    /// Never taken back: it costs a second probe for a key that is not there, in a bucket that was
    /// once full.
    fn set_spilled(&self) {
        let word = &self.0.0[1].tag;
        word.store(word.load(Relaxed) | FLAG, Relaxed);
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        let word = &self.0.0[0].tag;
        word.store(word.load(Relaxed) & !FLAG, Release);
    }
}

impl Place<'_> {
    #[inline]
    pub(crate) fn write(&mut self, full: Span) {
        let flag = self.entry.tag.load(Relaxed) & FLAG;
        let tag = flag | u64::from(full.part) << KeyTag::BITS | self.tag;
        self.entry.tag.store(tag, Relaxed);
        self.entry.nanos.store(full.nanos, Relaxed);
        self.full = full;
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("places", &((self.left.len() + self.right.len()) * WAYS))
            .finish_non_exhaustive()
    }
}
