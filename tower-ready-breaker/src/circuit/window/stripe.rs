//! What one thread counts.

use super::{Kind, Span};
use crate::sync::AtomicU64;

/// How the counters of a stripe lie in its words: a cursor, what has left the ring of each kind,
/// calls that were not let through, the buckets, and the buckets of calls in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// How many kinds are counted, a word of each bucket for each.
    kinds: u8,
    has_flights: bool,
    /// The lines of a stripe.
    pub(super) lines: u16,
    /// How many stripes there are, less one: a power of two, less one.
    pub(super) mask: u16,
}

/// A line of the cache. Counting is all that most calls do, so threads must not share them.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Line([AtomicU64; LINE]);

const LINE: usize = 8;

/// The counters of one thread.
#[derive(Clone, Copy)]
pub(super) struct Stripe<'a> {
    pub(super) layout: Layout,
    pub(super) lines: &'a [Line],
}

impl Layout {
    pub(super) fn new(span: Span, stripes: usize, kinds: usize, has_flights: bool) -> Self {
        let of_bucket = kinds + if has_flights { 2 } else { 0 };
        let words = 2 + kinds + span.buckets as usize * of_bucket;
        let lines = words.div_ceil(LINE);
        // Processors fetch lines in pairs.
        let lines = if stripes > 1 { lines.next_multiple_of(2) } else { lines };
        let mask = stripes.next_power_of_two() - 1;
        Self { kinds: kinds as u8, has_flights, lines: lines as u16, mask: mask as u16 }
    }

    #[inline]
    pub(super) const fn counts(self, kind: Kind) -> bool {
        (kind as u8) < self.kinds
    }

    pub(super) fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().take(self.kinds.into())
    }

    pub(super) const fn has_flights(self) -> bool {
        self.has_flights
    }

    const fn buckets(self) -> usize {
        2 + self.kinds as usize
    }
}

impl<'a> Stripe<'a> {
    #[inline]
    fn word(self, at: usize) -> &'a AtomicU64 {
        &self.lines[at / LINE].0[at % LINE]
    }

    /// The number of the bucket that was last counted in, and its place: spares two divisions.
    #[inline]
    pub(super) fn cursor(self) -> &'a AtomicU64 {
        self.word(0)
    }

    /// Calls that were not let through.
    #[inline]
    pub(super) fn rejected(self) -> &'a AtomicU64 {
        self.word(1)
    }

    /// What has left the ring, so that the sums of a lifetime cost a call nothing.
    pub(super) fn left(self, kind: Kind) -> &'a AtomicU64 {
        self.word(2 + kind as usize)
    }

    #[inline]
    pub(super) fn bucket(self, place: usize, kind: Kind) -> &'a AtomicU64 {
        let kinds = usize::from(self.layout.kinds);
        self.word(self.layout.buckets() + place * kinds + kind as usize)
    }

    /// Calls that began in a bucket, and those of them that have ended.
    pub(super) fn flight(self, span: Span, place: usize) -> [&'a AtomicU64; 2] {
        let kinds = usize::from(self.layout.kinds);
        let at = self.layout.buckets() + span.buckets as usize * kinds + place * 2;
        [self.word(at), self.word(at + 1)]
    }
}
