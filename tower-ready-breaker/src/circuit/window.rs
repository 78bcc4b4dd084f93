//! What became of the calls of the last seconds: a ring of buckets, striped over threads.
//!
//! A counter shares its word with the tag of the bucket it counts for: generation and number. Who
//! comes with another tag begins the counter anew, so nobody sweeps the ring, neither when time
//! passes nor when the circuit changes its state. Who comes late, with a tag from before, counts in
//! the bucket that has taken the place. A sample is thus never lost and never counted twice.
//!
//! A thread counts in a stripe of its own, as long as there are enough; the rate is summed when a
//! failure lands, which is rare while a circuit is closed.

use std::{cell::Cell, sync::atomic::AtomicUsize, time::Duration};

use tower_ready_core::Instant;

use crate::sync::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

/// The window: its length in buckets of so many nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) bucket: u64,
    pub(crate) buckets: u32,
}

/// What is counted of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Success,
    Failure,
    /// Too slow, and a success or a failure besides.
    Slow,
    /// Not let through by a throttle.
    Shed,
}

const KINDS: usize = 4;

/// What the window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that succeeded.
    pub successes: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that were too slow, of both kinds.
    pub slow: u64,
    /// Calls that a throttle did not let through.
    pub shed: u64,
}

#[derive(Debug)]
pub(crate) struct Window {
    span: Span,
    stripes: Box<[Stripe]>,
}

/// What one thread counts: on lines of its own, since counting is all it does for most calls.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe {
    /// The number of the bucket that was last counted in, and its place: spares two divisions.
    cursor: AtomicU64,
    buckets: Box<[Bucket]>,
    /// What has left the ring, so that the sums of a lifetime cost a call nothing.
    left: [AtomicU64; KINDS],
    /// Calls that were not let through.
    rejected: AtomicU64,
    /// Calls that began and that ended, by the bucket in which they began; nothing unless asked for.
    flights: Box<[Flight]>,
}

#[derive(Debug, Default)]
struct Bucket([AtomicU64; KINDS]);

#[derive(Debug, Default)]
struct Flight {
    began: AtomicU64,
    ended: AtomicU64,
}

/// A counter's word: eight bits of generation, 28 of the bucket's number, 28 that count.
const COUNT_BITS: u32 = 28;
const COUNT: u64 = (1 << COUNT_BITS) - 1;
const NUMBER: u64 = (1 << 28) - 1;
/// Where a counter stops: below the end, since threads may pass the check at the same time.
const FULL: u64 = COUNT - (1 << 16);

const PLACE_BITS: u32 = 8;

impl Span {
    /// The most buckets of a window: their places fit into a byte.
    pub(crate) const MAX_BUCKETS: u32 = 1 << PLACE_BITS;

    pub(crate) const fn length(self) -> Duration {
        Duration::from_nanos(self.bucket * self.buckets as u64)
    }

    pub(crate) const fn number(self, now: Instant) -> u64 {
        now.as_nanos() / self.bucket
    }

    const fn place(self, number: u64) -> u64 {
        number % self.buckets as u64
    }
}

impl Counts {
    /// Calls of which it is known how they went.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.successes + self.failures
    }

    /// The share of calls that failed, of none none.
    #[must_use]
    pub fn failure_rate(&self) -> f64 {
        share(self.failures, self.total())
    }

    /// The share of calls that were too slow, of none none.
    #[must_use]
    pub fn slow_rate(&self) -> f64 {
        share(self.slow, self.total())
    }

    fn slot(&mut self, kind: usize) -> &mut u64 {
        match kind {
            0 => &mut self.successes,
            1 => &mut self.failures,
            2 => &mut self.slow,
            _ => &mut self.shed,
        }
    }
}

pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

const fn tag(generation: u32, number: u64) -> u64 {
    (generation as u64 & 0xff) << 28 | number & NUMBER
}

/// Adds one to a counter, which begins anew when its tag is older. Returns what it held then.
#[inline]
fn count(counter: &AtomicU64, tag: u64) -> u64 {
    let mut word = counter.load(Relaxed);
    loop {
        if word >> COUNT_BITS == tag {
            if word & COUNT < FULL {
                counter.fetch_add(1, Relaxed);
            }
            return 0;
        }
        if is_before(tag, word >> COUNT_BITS) {
            // We are late by a whole window: the bucket that took the place counts for ours.
            if word & COUNT < FULL {
                counter.fetch_add(1, Relaxed);
            }
            return 0;
        }
        match counter.compare_exchange_weak(word, tag << COUNT_BITS | 1, AcqRel, Relaxed) {
            Ok(_) => return word & COUNT,
            Err(now) => word = now,
        }
    }
}

/// Of one generation, and not much behind. What lies further back is ahead, by way of the end of
/// the numbers: a circuit that nobody has used for long.
const fn is_before(tag: u64, than: u64) -> bool {
    let behind = than.wrapping_sub(tag) & NUMBER;
    tag >> 28 == than >> 28 && behind > 0 && behind < 1 << 12
}

impl Window {
    pub(crate) fn new(span: Span, stripes: usize, flights: bool) -> Self {
        let stripe = |_| Stripe::new(span, flights);
        Self { span, stripes: (0..stripes.next_power_of_two()).map(stripe).collect() }
    }

    /// Counts one call of a generation.
    #[inline]
    pub(crate) fn add(&self, kind: Kind, generation: u32, now: Instant) {
        self.stripe().add(self.span, kind, generation, now);
    }

    /// Counts one call that was not let through.
    #[inline]
    pub(crate) fn reject(&self) {
        self.stripe().rejected.fetch_add(1, Relaxed);
    }

    /// The stripe of this thread; their number is a power of two.
    #[inline]
    fn stripe(&self) -> &Stripe {
        &self.stripes[thread() & (self.stripes.len() - 1)]
    }

    /// What a generation has counted within the window.
    pub(crate) fn counts(&self, generation: u32, now: Instant) -> Counts {
        let last = self.span.number(now);
        let first = last.saturating_sub(u64::from(self.span.buckets) - 1);
        let mut counts = Counts::default();
        for stripe in &self.stripes {
            for number in first..=last {
                let bucket = &stripe.buckets[self.span.place(number) as usize];
                for (kind, counter) in bucket.0.iter().enumerate() {
                    let word = counter.load(Relaxed);
                    if word >> COUNT_BITS == tag(generation, number) {
                        *counts.slot(kind) += word & COUNT;
                    }
                }
            }
        }
        counts
    }

    /// What was ever counted.
    pub(crate) fn totals(&self) -> Counts {
        let mut counts = Counts::default();
        for stripe in &self.stripes {
            for (kind, left) in stripe.left.iter().enumerate() {
                *counts.slot(kind) += left.load(Relaxed);
            }
            for bucket in &stripe.buckets {
                for (kind, counter) in bucket.0.iter().enumerate() {
                    *counts.slot(kind) += counter.load(Relaxed) & COUNT;
                }
            }
        }
        counts
    }

    /// Calls that were not let through, ever.
    pub(crate) fn rejected(&self) -> u64 {
        let stripes = self.stripes.iter();
        stripes.map(|stripe| stripe.rejected.load(Relaxed)).sum()
    }

    /// A call begins.
    #[inline]
    pub(crate) fn begin(&self, generation: u32, now: Instant) {
        let flights = &self.stripe().flights;
        if flights.is_empty() {
            return;
        }
        let number = self.span.number(now);
        let flight = &flights[self.span.place(number) as usize];
        count(&flight.began, tag(generation, number));
    }

    /// A call that began then has ended.
    #[inline]
    pub(crate) fn end(&self, generation: u32, began: Instant, now: Instant) {
        let flights = &self.stripe().flights;
        if flights.is_empty() {
            return;
        }
        let number = self.span.number(began);
        // A bucket that time has taken says nothing of those calls any more.
        if self.span.number(now).saturating_sub(number) < u64::from(self.span.buckets) {
            let flight = &flights[self.span.place(number) as usize];
            count(&flight.ended, tag(generation, number));
        }
    }

    /// Calls that began within the window, before `by`, and are not over.
    pub(crate) fn late(&self, generation: u32, by: Instant, now: Instant) -> u64 {
        let first = (self.span.number(now) + 1).saturating_sub(u64::from(self.span.buckets));
        let (mut began, mut ended) = (0, 0);
        // The bucket of `by` holds calls that are younger, so it waits for its end.
        for number in first..self.span.number(by) {
            let place = self.span.place(number) as usize;
            let read = |counter: &AtomicU64| match counter.load(Relaxed) {
                word if word >> COUNT_BITS == tag(generation, number) => word & COUNT,
                _ => 0,
            };
            for flight in self.stripes.iter().filter_map(|it| it.flights.get(place)) {
                began += read(&flight.began);
                ended += read(&flight.ended);
            }
        }
        began.saturating_sub(ended)
    }

    pub(crate) const fn span(&self) -> Span {
        self.span
    }
}

impl Stripe {
    fn new(span: Span, flights: bool) -> Self {
        let flights = if flights { span.buckets } else { 0 };
        Self {
            cursor: AtomicU64::default(),
            buckets: (0..span.buckets).map(|_| Bucket::default()).collect(),
            left: std::array::from_fn(|_| AtomicU64::default()),
            rejected: AtomicU64::default(),
            flights: (0..flights).map(|_| Flight::default()).collect(),
        }
    }

    #[inline]
    fn add(&self, span: Span, kind: Kind, generation: u32, now: Instant) {
        let (number, place) = self.at(span, now);
        let kind = kind as usize;
        let left = count(&self.buckets[place].0[kind], tag(generation, number));
        if left > 0 {
            self.left[kind].fetch_add(left, Relaxed);
        }
    }

    #[inline]
    fn at(&self, span: Span, now: Instant) -> (u64, usize) {
        let cursor = self.cursor.load(Relaxed);
        let number = cursor >> PLACE_BITS;
        let since = now.as_nanos().wrapping_sub(number.wrapping_mul(span.bucket));
        if since < span.bucket {
            return (number, (cursor & ((1 << PLACE_BITS) - 1)) as usize);
        }
        let number = span.number(now);
        let place = span.place(number);
        self.cursor.store(number << PLACE_BITS | place, Relaxed);
        (number, place as usize)
    }
}

/// The number of this thread, by which it finds its stripe.
#[inline]
pub(crate) fn thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Relaxed));
        }
        number.get()
    })
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
