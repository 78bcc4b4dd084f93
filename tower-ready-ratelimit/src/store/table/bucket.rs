//! Eight entries under one lock.

use crate::{
    hash::{KeyHash, KeyTag},
    quota::Span,
    sync::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        spin,
    },
};

pub(in crate::store) const WAYS: usize = 8;

/// The last place of a bucket on the right: one cell for all keys that found no room.
pub(super) const SHARED: usize = WAYS - 1;

/// The sign bit of a tag: in the first entry the lock, in the second "a key of mine is on the
/// right". Below it are 24 bits for parts of a nanosecond, then the tag of the key.
const FLAG: u64 = 1 << 63;

#[derive(Default)]
#[repr(align(128))]
pub(super) struct Bucket([Entry; WAYS]);

#[derive(Default)]
struct Entry {
    tag: AtomicU64,
    nanos: AtomicU64,
}

/// A bucket that this thread alone may read and write.
pub(super) struct Locked<'a>(&'a Bucket);

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

pub(super) enum Search {
    Found(usize),
    Free(usize),
    Full,
}

pub(super) const fn at(now: u64) -> Span {
    Span { nanos: now, part: 0 }
}

impl Bucket {
    #[inline]
    pub(super) fn lock(&self) -> Locked<'_> {
        let word = &self.0[0].tag;
        // Asks for the second line while the first is on its way; to loom, one more state to explore.
        #[cfg(not(loom))]
        let _ = self.0[WAYS / 2].tag.load(Relaxed);
        let mut tries = 0;
        loop {
            let seen = word.load(Relaxed);
            if seen & FLAG == 0
                && word.compare_exchange_weak(seen, seen | FLAG, Acquire, Relaxed).is_ok()
            {
                return Locked(self);
            }
            spin(&mut tries);
        }
    }
}

impl Entry {
    #[inline]
    pub(super) fn full(&self) -> Span {
        let part = (self.tag.load(Relaxed) & !FLAG) >> KeyTag::BITS;
        Span { nanos: self.nanos.load(Relaxed), part: part as u32 }
    }
}

impl<'a> Locked<'a> {
    /// The place of a key on the left, if it has one there, or can have one without a look at the
    /// right.
    #[inline]
    pub(super) fn place_at_home(&self, key: KeyHash, now: u64) -> Option<Place<'a>> {
        match self.search(key.tag(), now, WAYS) {
            Search::Found(at) => Some(self.place(at, key.tag())),
            Search::Free(at) if !self.has_spilled() => Some(self.fresh(at, key.tag(), Span::ZERO)),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn search(&self, tag: KeyTag, now: u64, ways: usize) -> Search {
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
    pub(super) fn place(&self, at: usize, tag: KeyTag) -> Place<'a> {
        let entry = &self.0.0[at];
        Place { entry, tag: tag.to_bits(), full: entry.full(), own: true }
    }

    #[inline]
    pub(super) fn fresh(&self, at: usize, tag: KeyTag, full: Span) -> Place<'a> {
        Place { full, ..self.place(at, tag) }
    }

    /// The cell that keys without a place share.
    pub(super) fn shared(&self) -> Place<'a> {
        let entry = &self.0.0[SHARED];
        Place { entry, tag: 0, full: entry.full(), own: false }
    }

    /// Every entry of the first `ways`.
    pub(super) fn each(&self, ways: usize, mut f: impl FnMut(KeyTag, Span)) {
        for entry in &self.0.0[..ways] {
            f(KeyTag::from_bits(entry.tag.load(Relaxed)), entry.full());
        }
    }

    pub(super) fn has_spilled(&self) -> bool {
        self.0.0[1].tag.load(Relaxed) & FLAG != 0
    }

    /// Never taken back: it costs a second probe for a key that is not there, in a bucket that was
    /// once full.
    pub(super) fn set_spilled(&self) {
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
