use std::time::Duration;

use tower_ready_core::Instant;

/// The window: its length in buckets of so many nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) bucket: u64,
    pub(crate) buckets: u32,
}

impl Span {
    /// How many bits the place of a bucket has.
    pub(super) const PLACE_BITS: u32 = 8;

    /// The most buckets of a window: their places fit into a byte.
    pub(crate) const MAX_BUCKETS: u32 = 1 << Self::PLACE_BITS;

    pub(crate) const fn length(self) -> Duration {
        Duration::from_nanos(self.bucket * self.buckets as u64)
    }

    pub(crate) const fn number(self, now: Instant) -> u64 {
        now.as_nanos() / self.bucket
    }

    /// Where in the ring the bucket with this number is.
    pub(super) const fn place(self, number: u64) -> usize {
        (number % self.buckets as u64) as usize
    }
}
