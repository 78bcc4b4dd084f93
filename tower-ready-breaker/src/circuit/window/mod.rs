//! What became of the calls of the last seconds: a ring of buckets, striped over threads.
//!
//! A counter shares its word with the tag of the bucket it counts for: generation and number. Who
//! comes with another tag begins the counter anew, so nobody sweeps the ring, neither when time
//! passes nor when the circuit changes its state. Who comes late, with a tag from before, counts in
//! the bucket that has taken the place. A sample is thus never lost and never counted twice.
//!
//! A thread counts in a stripe of its own, as long as there are enough; the rate is summed when a
//! failure lands, which is rare while a circuit is closed.

mod counter;
mod counts;
mod span;
mod stripe;
mod thread;

use tower_ready_core::Instant;

pub use self::counts::Counts;
use self::{
    counter::{Tag, count, counted, held},
    stripe::{Layout, Line, Stripe},
};
pub(crate) use self::{counts::share, span::Span, thread::thread};
use crate::sync::Ordering::Relaxed;

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

impl Kind {
    const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Slow, Self::Shed];

    /// How many of them are counted, if this is the last.
    pub(crate) const fn and_those_before(self) -> usize {
        self as usize + 1
    }
}

#[derive(Debug)]
pub(crate) struct Window {
    span: Span,
    layout: Layout,
    lines: Box<[Line]>,
}

impl Window {
    /// A window of so many stripes, which counts the first so many kinds, and calls in flight if it
    /// is asked to.
    pub(crate) fn new(span: Span, stripes: usize, kinds: usize, flights: bool) -> Self {
        let layout = Layout::new(span, stripes, kinds, flights);
        let lines = (usize::from(layout.mask) + 1) * usize::from(layout.lines);
        Self { span, layout, lines: (0..lines).map(|_| Line::default()).collect() }
    }

    /// Counts one call of a generation.
    #[inline]
    pub(crate) fn add(&self, kind: Kind, generation: u32, now: Instant) {
        if !self.layout.counts(kind) {
            return;
        }
        let stripe = self.mine();
        let (number, place) = self.at(stripe, now);
        let left = count(stripe.bucket(place, kind), Tag::new(generation, number));
        if left > 0 {
            stripe.left(kind).fetch_add(left, Relaxed);
        }
    }

    /// Counts one call that was not let through.
    #[inline]
    pub(crate) fn reject(&self) {
        self.mine().rejected().fetch_add(1, Relaxed);
    }

    /// What a generation has counted within the window.
    pub(crate) fn counts(&self, generation: u32, now: Instant) -> Counts {
        let last = self.span.number(now);
        let first = last.saturating_sub(u64::from(self.span.buckets) - 1);
        let mut counts = Counts::default();
        for stripe in self.stripes() {
            for number in first..=last {
                let (place, tag) = (self.span.place(number), Tag::new(generation, number));
                for kind in self.layout.kinds() {
                    counts.add(kind, counted(stripe.bucket(place, kind), tag));
                }
            }
        }
        counts
    }

    /// What was ever counted.
    pub(crate) fn totals(&self) -> Counts {
        let mut counts = Counts::default();
        for stripe in self.stripes() {
            for kind in self.layout.kinds() {
                counts.add(kind, stripe.left(kind).load(Relaxed));
                for place in 0..self.span.buckets as usize {
                    counts.add(kind, held(stripe.bucket(place, kind)));
                }
            }
        }
        counts
    }

    /// Calls that were not let through, ever.
    pub(crate) fn rejected(&self) -> u64 {
        self.stripes().map(|stripe| stripe.rejected().load(Relaxed)).sum()
    }

    /// A call begins. Returns whether its end is to be told.
    #[inline]
    pub(crate) fn begin(&self, generation: u32, now: Instant) -> bool {
        let has_flights = self.layout.has_flights();
        if has_flights {
            let stripe = self.mine();
            let (number, place) = self.at(stripe, now);
            let [began, _] = stripe.flight(self.span, place);
            count(began, Tag::new(generation, number));
        }
        has_flights
    }

    /// A call that began then has ended.
    #[inline]
    pub(crate) fn end(&self, generation: u32, began: Instant, now: Instant) {
        let number = self.span.number(began);
        // A bucket that time has taken says nothing of those calls any more.
        if self.span.number(now).saturating_sub(number) < u64::from(self.span.buckets) {
            let [_, ended] = self.mine().flight(self.span, self.span.place(number));
            count(ended, Tag::new(generation, number));
        }
    }

    /// Calls that began within the window, before `by`, and are not over.
    pub(crate) fn late(&self, generation: u32, by: Instant, now: Instant) -> u64 {
        if !self.layout.has_flights() {
            return 0;
        }
        let first = (self.span.number(now) + 1).saturating_sub(u64::from(self.span.buckets));
        let (mut all, mut over) = (0, 0);
        // The bucket of `by` holds calls that are younger, so it waits for its end.
        for number in first..self.span.number(by) {
            let (place, tag) = (self.span.place(number), Tag::new(generation, number));
            for stripe in self.stripes() {
                let [began, ended] = stripe.flight(self.span, place);
                all += counted(began, tag);
                over += counted(ended, tag);
            }
        }
        all.saturating_sub(over)
    }

    pub(crate) const fn span(&self) -> Span {
        self.span
    }

    /// The number of the bucket of this moment, and its place.
    #[inline]
    fn at(&self, stripe: Stripe<'_>, now: Instant) -> (u64, usize) {
        let cursor = stripe.cursor().load(Relaxed);
        let number = cursor >> Span::PLACE_BITS;
        let since = now.as_nanos().wrapping_sub(number.wrapping_mul(self.span.bucket));
        if since < self.span.bucket {
            return (number, cursor as usize & (Span::MAX_BUCKETS as usize - 1));
        }
        let number = self.span.number(now);
        let place = self.span.place(number);
        stripe.cursor().store(number << Span::PLACE_BITS | place as u64, Relaxed);
        (number, place)
    }

    /// The stripe of this thread; their number is a power of two.
    #[inline]
    fn mine(&self) -> Stripe<'_> {
        let lines = usize::from(self.layout.lines);
        let first = (thread() & usize::from(self.layout.mask)) * lines;
        Stripe { layout: self.layout, lines: &self.lines[first..first + lines] }
    }

    fn stripes(&self) -> impl Iterator<Item = Stripe<'_>> {
        let stripes = self.lines.chunks_exact(self.layout.lines.into());
        stripes.map(|lines| Stripe { layout: self.layout, lines })
    }
}

#[cfg(test)]
mod tests;
