//! The decision: the generic cell rate algorithm on exact moments.
//!
//! A bucket is one moment: when it will be full again. Taking units moves that moment forward, by
//! the time that they take to come back; time passing does the rest. It may lie ahead of now by no
//! more than the time of a whole burst.

use std::time::Duration;

use tower_ready_core::Instant;

use crate::quota::{Quota, Rate, Span};

impl Rate {
    /// The time that `units` take: exact, and for ever when it does not fit.
    #[inline]
    fn time_of(&self, units: u64) -> Span {
        if units == 1 {
            return self.step;
        }
        let parts = u128::from(self.step.part) * u128::from(units);
        let den = u128::from(self.den.max(1));
        let nanos = u128::from(self.step.nanos) * u128::from(units) + parts / den;
        match u64::try_from(nanos) {
            Ok(nanos) => Span { nanos, part: (parts % den) as u32 },
            Err(_) => Span::FOREVER,
        }
    }

    #[inline]
    fn add(&self, a: Span, b: Span) -> Span {
        let part = a.part + b.part;
        let carry = part >= self.den;
        match a.nanos.checked_add(b.nanos).and_then(|n| n.checked_add(u64::from(carry))) {
            Some(nanos) => Span { nanos, part: if carry { part - self.den } else { part } },
            None => Span::FOREVER,
        }
    }

    /// `a - b`, or nothing if `b` is the greater.
    fn sub(&self, a: Span, b: Span) -> Span {
        if a <= b {
            return Span::ZERO;
        }
        let borrow = a.part < b.part;
        Span {
            nanos: a.nanos - b.nanos - u64::from(borrow),
            part: if borrow { a.part + self.den - b.part } else { a.part - b.part },
        }
    }

    /// When a bucket is full again that was written so.
    ///
    /// `debt` is how far below empty this quota lets a bucket fall. Whatever lies beyond that is cut
    /// off: it was written under a quota that has since been swapped for this one, and nobody has to
    /// wait much longer than an empty bucket of the quota that holds now. Parts of a nanosecond that
    /// another quota wrote are rounded up.
    #[inline]
    pub(crate) fn read(&self, now: Instant, stored: Span, debt: u64) -> Span {
        let mut full = stored;
        if full.part >= self.den {
            full = Span { nanos: full.nanos.saturating_add(1), part: 0 };
        }
        if full.nanos.saturating_sub(now.as_nanos()) > self.tolerance.nanos {
            let depth = self.add(self.tolerance, self.time_of(debt));
            full = full.min(self.add(self.add(now.into(), depth), Span::SKEW));
        }
        full
    }

    /// When a bucket is full again after `units` were taken, if they are there.
    #[inline]
    pub(crate) fn take(&self, now: Span, full: Span, units: u64) -> Option<Span> {
        let next = self.add(full.max(now), self.time_of(units));
        (next <= self.add(now, self.tolerance) && self.den != 0).then_some(next)
    }
}

impl Span {
    pub(crate) const ZERO: Self = Self { nanos: 0, part: 0 };
    /// What another thread wrote may rest on a later look at the clock than ours. Cutting that down
    /// would give units away, so a second more than the deepest debt is left alone.
    const SKEW: Self = Self { nanos: 1_000_000_000, part: 0 };
    const FOREVER: Self = Self { nanos: u64::MAX, part: 0 };

    /// The first whole nanosecond that is not before this moment.
    pub(crate) const fn ceil(self) -> u64 {
        self.nanos.saturating_add((self.part > 0) as u64)
    }
}

impl From<Instant> for Span {
    fn from(now: Instant) -> Self {
        Self { nanos: now.as_nanos(), part: 0 }
    }
}

/// A bucket as it stands at a moment.
///
/// It is a plain value: asking it costs nothing but the arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    pub(crate) quota: Quota,
    pub(crate) now: u64,
    /// When the bucket is full again.
    pub(crate) full: Span,
}

impl Level {
    /// A bucket that reads so: see [`Rate::read`].
    pub(crate) fn read(quota: &Quota, now: Instant, stored: Span, debt: u64) -> Self {
        Self { quota: *quota, now: now.as_nanos(), full: quota.rate().read(now, stored, debt) }
    }

    const fn now(&self) -> Span {
        Span { nanos: self.now, part: 0 }
    }

    /// The bucket after `units` were taken, if they are there.
    #[cfg(test)]
    pub(crate) fn take(&self, units: u64) -> Option<Self> {
        let full = self.quota.rate().take(self.now(), self.full, units)?;
        Some(Self { full, ..*self })
    }

    /// The bucket after `units` were taken, whether they were there or not.
    pub(crate) fn charge(&self, units: u64) -> Self {
        let rate = self.quota.rate();
        Self { full: rate.add(self.full.max(self.now()), rate.time_of(units)), ..*self }
    }

    /// The bucket, but not deeper in debt than this many units below empty.
    pub(crate) fn within(&self, debt: u64) -> Self {
        let rate = self.quota.rate();
        let depth = rate.add(rate.tolerance, rate.time_of(debt));
        Self { full: self.full.min(rate.add(self.now(), depth)), ..*self }
    }

    /// The bucket after `units` were put back: never more than full.
    pub(crate) fn refund(&self, units: u64) -> Self {
        let rate = self.quota.rate();
        Self { full: rate.sub(self.full, rate.time_of(units)), ..*self }
    }

    /// The quota of the bucket.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// How many units can be taken now.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        let rate = self.quota.rate();
        let limit = rate.add(self.now(), rate.tolerance);
        let room = rate.sub(limit, self.full.max(self.now()));
        if rate.step == room {
            return u64::from(rate.den != 0);
        }
        let parts =
            |span: Span| u128::from(span.nanos) * u128::from(rate.den) + u128::from(span.part);
        u64::try_from(parts(room).checked_div(parts(rate.step)).unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// How long until `units` can be taken at once, or none if they never can.
    ///
    /// After exactly this time, and not a nanosecond before, they are there if nobody else takes.
    #[must_use]
    pub fn wait(&self, units: u64) -> Option<Duration> {
        let rate = self.quota.rate();
        if units > self.quota.max_burst() || rate.den == 0 {
            return None;
        }
        let limit = rate.add(self.now(), rate.tolerance);
        let missing = rate.sub(self.charge(units).full, limit);
        Some(Duration::from_nanos(missing.ceil()))
    }

    /// The time in which what remains comes back at the quota's rate; with nothing left, the time to
    /// the next unit. Nobody who paces itself by it is refused.
    pub(crate) fn window_of_remaining(&self) -> Duration {
        match self.remaining() {
            0 => self.wait(1).unwrap_or(Duration::MAX),
            remaining => Duration::from_nanos(self.quota.rate().time_of(remaining).ceil()),
        }
    }

    /// How long until the bucket is full, if nobody takes.
    #[must_use]
    pub fn full_in(&self) -> Duration {
        let missing = self.quota.rate().sub(self.full, self.now());
        Duration::from_nanos(missing.ceil())
    }
}

#[cfg(all(test, not(loom)))]
#[path = "gcra_tests.rs"]
mod tests;
