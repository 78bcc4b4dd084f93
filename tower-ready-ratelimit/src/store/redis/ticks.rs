//! Quotas in whole numbers, as the scripts need them.

use tower_ready_core::Instant;

use crate::{
    Quota,
    quota::{Rate, Span},
};

/// A quota in ticks.
///
/// A script computes with doubles, which are exact for whole numbers below 2^53. So time is counted
/// in ticks of which a whole number makes a microsecond, and another whole number makes a unit: for
/// three units a second that is a third of a microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    /// Ticks that a unit takes.
    pub(super) step: u64,
    /// Ticks that a whole burst takes.
    pub(super) tolerance: u64,
    pub(super) per_micro: u64,
}

impl Ticks {
    /// Sums of two such numbers are still exact, and so is the floor of a quotient.
    pub(super) const MAX: u64 = 1 << 51;

    pub(super) fn of(quota: &Quota) -> Self {
        let rate = quota.rate();
        let den = u128::from(rate.den.max(1));
        // A unit takes so many parts of a nanosecond, of which there are `den`.
        let step = u128::from(rate.step.nanos) * den + u128::from(rate.step.part);
        let micro = den * 1_000;
        let common = gcd(step, micro).max(1);
        let (step, per_micro) = (step / common, micro / common);
        if let Some(ticks) = Self::fits(step, per_micro, quota.max_burst()) {
            return ticks;
        }
        // Finer than doubles are. A unit then takes a little longer, by less than a tick, and a
        // tick is as short as fits.
        (0..=50)
            .rev()
            .find_map(|bits| {
                let finer = 1u128 << bits;
                Self::fits((step * finer).div_ceil(per_micro), finer, quota.max_burst())
            })
            .unwrap_or(Self { step: Self::MAX, tolerance: Self::MAX, per_micro: 1 })
    }

    fn fits(step: u128, per_micro: u128, burst: u64) -> Option<Self> {
        let tolerance = step.checked_mul(u128::from(burst))?;
        (tolerance <= u128::from(Self::MAX) && per_micro <= u128::from(Self::MAX)).then_some(Self {
            step: step as u64,
            tolerance: tolerance as u64,
            per_micro: per_micro as u64,
        })
    }

    /// What so many units take. More than a burst is never there, however much more it is.
    pub(super) fn cost(&self, units: u64) -> u64 {
        self.step.saturating_mul(units).min(Self::MAX)
    }

    /// How far from full a bucket may be at most.
    pub(super) fn deepest(&self, debt: u64) -> u64 {
        self.tolerance.saturating_add(self.cost(debt)).min(Self::MAX)
    }

    /// How many units a bucket has that lacks so many ticks.
    pub(super) const fn room(&self, missing: u64) -> u64 {
        self.tolerance.saturating_sub(missing) / self.step
    }

    /// When a bucket is full that lacks so many ticks, not a part of a nanosecond too early.
    pub(super) fn full(&self, since: Instant, missing: u64, rate: &Rate) -> Span {
        let per_micro = u128::from(self.per_micro);
        let nanos = u128::from(missing) * 1_000;
        let den = u128::from(rate.den.max(1));
        let part = ((nanos % per_micro) * den).div_ceil(per_micro);
        let whole = (nanos / per_micro + part / den) as u64;
        Span { nanos: since.as_nanos().saturating_add(whole), part: (part % den) as u32 }
    }

    /// How many ticks a bucket lacks that is full at that moment, rounded down.
    pub(super) fn missing(&self, now: Instant, full: Span) -> u64 {
        let nanos = u128::from(full.nanos.saturating_sub(now.as_nanos()));
        let ticks = nanos * u128::from(self.per_micro) / 1_000;
        u64::try_from(ticks).unwrap_or(u64::MAX).min(Self::MAX)
    }
}

const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ticks(quota: Quota) -> (u64, u64) {
        let Ticks { step, per_micro, .. } = Ticks::of(&quota);
        (step, per_micro)
    }

    #[test]
    fn a_unit_is_a_whole_number_of_ticks() {
        assert_eq!(ticks(Quota::per_second(1_000_000)), (1, 1));
        assert_eq!(ticks(Quota::per_second(100)), (10_000, 1));
        assert_eq!(ticks(Quota::per_second(3)), (1_000_000, 3));
        assert_eq!(ticks(Quota::per_second(1_000_007)), (1_000_000, 1_000_007));
        assert_eq!(ticks(Quota::per_second(1_000_000_000)), (1, 1_000));
        assert_eq!(ticks(Quota::per_day(1)), (86_400_000_000, 1));
    }

    #[test]
    fn what_is_too_fine_is_rounded_against_the_caller() {
        let quota = Quota::new(16_777_213, Duration::from_secs(1)).burst(1 << 40);
        let ticks = Ticks::of(&quota);
        assert!(ticks.tolerance <= Ticks::MAX && ticks.per_micro.is_power_of_two());
        let exact = 1e6 / 16_777_213.0;
        let unit = ticks.step as f64 / ticks.per_micro as f64;
        assert!(unit >= exact && unit < exact * 1.001, "{unit} for {exact}");
    }

    #[test]
    fn a_moment_survives_the_way_there_and_back() {
        for quota in [Quota::per_second(3), Quota::per_second(1_000_007), Quota::per_minute(7)] {
            let ticks = Ticks::of(&quota);
            let now = Instant::from_nanos(5_000);
            let full = ticks.full(now, ticks.cost(1), quota.rate());
            assert_eq!(full.ceil() - 5_000, quota.rate().step.ceil(), "{quota}");
            assert!(ticks.missing(now, full) <= ticks.cost(1));
            assert_eq!(ticks.full(now, 0, quota.rate()), now.into());
        }
    }
}
