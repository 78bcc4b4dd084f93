//! How much: a number of units for each period.

use std::{fmt, time::Duration};

use crate::error::QuotaError;

/// So many units for each period, and so many at once.
///
/// The unit is always "n for each period": `Quota::per_minute(60)` lets sixty requests a minute
/// pass, one a second on average and, with the default burst, all sixty at once after a minute of
/// silence.
///
/// The arithmetic is exact. Three a second is one unit each 333,333,333⅓ ns, and the third of a
/// nanosecond is kept, so that a quota neither drifts nor rounds, whatever its rate.
///
/// ```
/// use std::time::Duration;
/// use tower_ready_ratelimit::Quota;
///
/// const SEARCH: Quota = Quota::per_minute(30).burst(5);
/// assert_eq!(SEARCH.count(), 30);
/// assert_eq!(SEARCH.period(), Duration::from_secs(60));
/// assert!(SEARCH.check().is_ok());
/// assert!(Quota::per_second(0).check().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    count: u64,
    burst: u64,
    period: u64,
    rate: Rate,
}

/// A quota as the decision needs it: moments and spans in nanoseconds and `1/den` parts of one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// The time that one unit takes.
    pub(crate) step: Span,
    /// How far a bucket may be in debt: the time that a whole burst takes.
    pub(crate) tolerance: Span,
    /// Parts of a nanosecond; zero marks a quota that cannot be held, which refuses everything.
    pub(crate) den: u32,
}

/// A length of time, or a moment, in nanoseconds and parts of a nanosecond.
///
/// What a part is, the quota says. The order is that of time as long as both sides agree on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) nanos: u64,
    pub(crate) part: u32,
}

/// The finest part of a nanosecond that an entry of the store has room for.
pub(crate) const MAX_DEN: u64 = 1 << 24;

/// The longest time in which a burst may refill, 18 years: with an up-time as long as that a moment
/// stays far below the end of 64 bits.
pub(crate) const MAX_TOLERANCE: u64 = 1 << 59;

impl Quota {
    /// `count` units a second, at most `count` at once.
    #[must_use]
    pub const fn per_second(count: u64) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// `count` units a minute, at most `count` at once.
    #[must_use]
    pub const fn per_minute(count: u64) -> Self {
        Self::new(count, Duration::from_secs(60))
    }

    /// `count` units an hour, at most `count` at once.
    #[must_use]
    pub const fn per_hour(count: u64) -> Self {
        Self::new(count, Duration::from_secs(60 * 60))
    }

    /// `count` units a day, at most `count` at once.
    #[must_use]
    pub const fn per_day(count: u64) -> Self {
        Self::new(count, Duration::from_secs(24 * 60 * 60))
    }

    /// `count` units for each `period`, at most `count` at once.
    ///
    /// Nothing is checked here, so that a quota can be a constant: [`check`](Self::check) does, and
    /// building a limiter does. A quota that fails the check refuses everything.
    #[must_use]
    pub const fn new(count: u64, period: Duration) -> Self {
        // A period that does not fit is refused by the check, as zero is.
        let nanos = period.as_nanos();
        let period = if nanos > u64::MAX as u128 { 0 } else { nanos as u64 };
        Self::compile(count, count, period)
    }

    /// At most `burst` units at once, after a time of silence; the rate stays. Default: the count.
    #[must_use]
    pub const fn burst(self, burst: u64) -> Self {
        Self::compile(self.count, burst, self.period)
    }

    /// The units for each period.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The units that may be taken at once.
    #[must_use]
    pub const fn max_burst(&self) -> u64 {
        self.burst
    }

    /// The period.
    #[must_use]
    pub const fn period(&self) -> Duration {
        Duration::from_nanos(self.period)
    }

    /// Whether this quota can be held, and if not, why and what to do.
    ///
    /// # Errors
    ///
    /// When the count, the burst or the period is zero; when a burst takes more than 18 years to
    /// refill; when the rate, as a reduced fraction, needs finer parts of a nanosecond than
    /// 1/16,777,216.
    pub const fn check(&self) -> Result<(), QuotaError> {
        if self.count == 0 {
            Err(QuotaError::ZeroCount)
        } else if self.burst == 0 {
            Err(QuotaError::ZeroBurst)
        } else if self.period == 0 {
            Err(QuotaError::Period)
        } else if self.period / gcd(self.period, self.count) > MAX_TOLERANCE {
            Err(QuotaError::TooLong)
        } else if self.count / gcd(self.period, self.count) > MAX_DEN {
            Err(QuotaError::TooFine)
        } else if self.tolerance_nanos() > MAX_TOLERANCE as u128 {
            Err(QuotaError::TooLong)
        } else {
            Ok(())
        }
    }

    pub(crate) const fn parts(&self) -> (u64, u64, u64, Rate) {
        (self.count, self.burst, self.period, self.rate)
    }

    /// The quota that [`parts`](Self::parts) took apart.
    pub(crate) const fn from_parts(count: u64, burst: u64, period: u64, rate: Rate) -> Self {
        Self { count, burst, period, rate }
    }

    pub(crate) const fn rate(&self) -> &Rate {
        &self.rate
    }

    const fn tolerance_nanos(&self) -> u128 {
        self.burst as u128 * self.period as u128 / self.count as u128
    }

    /// Reduces `period / count` nanoseconds for each unit to whole nanoseconds and parts.
    ///
    /// Constant, so that it costs nothing when a closure returns one of a few quotas per request.
    const fn compile(count: u64, burst: u64, period: u64) -> Self {
        let mut quota = Self { count, burst, period, rate: Rate::NEVER };
        if quota.check().is_ok() {
            let gcd = gcd(period, count);
            let (period, den) = (period / gcd, count / gcd);
            let tolerance = burst as u128 * period as u128;
            quota.rate = Rate {
                step: Span { nanos: period / den, part: (period % den) as u32 },
                tolerance: Span {
                    nanos: (tolerance / den as u128) as u64,
                    part: (tolerance % den as u128) as u32,
                },
                den: den as u32,
            };
        }
        quota
    }
}

impl Rate {
    const NEVER: Self =
        Self { step: Span { nanos: 0, part: 0 }, tolerance: Span { nanos: 0, part: 0 }, den: 0 };
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quota({self})")
    }
}

/// `100/1s`, and `100/1s;burst=20` where the burst is another.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.count, self.period())?;
        if self.burst != self.count {
            write!(f, ";burst={}", self.burst)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(quota: Quota) -> (u64, u32, u32) {
        let Rate { step, den, .. } = quota.rate;
        (step.nanos, step.part, den)
    }

    #[test]
    fn a_rate_that_does_not_divide_its_period_is_kept_as_a_fraction() {
        assert_eq!(step(Quota::per_second(3)), (333_333_333, 1, 3));
        assert_eq!(step(Quota::per_second(4)), (250_000_000, 0, 1));
        assert_eq!(step(Quota::per_second(1_000_007)), (999, 993_007, 1_000_007));
        assert_eq!(step(Quota::per_second(10_000_000_000)), (0, 1, 10));
        assert_eq!(step(Quota::per_day(7)), (12_342_857_142_857, 1, 7));
    }

    #[test]
    fn the_tolerance_is_that_of_a_whole_burst() {
        let quota = Quota::per_second(3);
        assert_eq!(quota.rate.tolerance, Span { nanos: 1_000_000_000, part: 0 });
        let quota = quota.burst(4);
        assert_eq!(quota.rate.tolerance, Span { nanos: 1_333_333_333, part: 1 });
    }

    #[test]
    fn a_quota_that_cannot_be_held_says_why() {
        for (quota, error) in [
            (Quota::per_second(0), QuotaError::ZeroCount),
            (Quota::per_second(1).burst(0), QuotaError::ZeroBurst),
            (Quota::new(1, Duration::ZERO), QuotaError::Period),
            (Quota::new(1, Duration::MAX), QuotaError::Period),
            (Quota::new(1, Duration::from_secs(1 << 31)), QuotaError::TooLong),
            (Quota::per_day(1).burst(10_000), QuotaError::TooLong),
            (Quota::per_second(20_000_003), QuotaError::TooFine),
            (Quota::per_second(u64::MAX), QuotaError::TooFine),
        ] {
            assert_eq!(quota.check(), Err(error), "{quota}");
            assert_eq!(quota.rate.den, 0, "{quota}");
        }
    }

    #[test]
    fn a_burst_set_back_to_the_count_makes_a_good_quota_of_a_bad_one() {
        let quota = Quota::per_second(5);
        assert_eq!(quota.burst(0).burst(5), quota);
        assert_eq!(quota.to_string(), "5/1s");
        assert_eq!(quota.burst(9).to_string(), "5/1s;burst=9");
    }
}
