//! The decision against a token bucket in whole numbers, and against `governor`.

use std::num::NonZeroU32;

use governor::{
    RateLimiter,
    clock::{Clock, FakeRelativeClock},
};
use proptest::prelude::*;

use super::*;

/// A token bucket without a fraction: a nanosecond adds `count`, a unit costs the period.
struct Reference {
    count: u128,
    period: u128,
    capacity: u128,
    content: u128,
    now: u64,
}

impl Reference {
    fn new(quota: &Quota, now: u64) -> Self {
        let period = quota.period().as_nanos();
        let capacity = period * u128::from(quota.max_burst());
        Self { count: u128::from(quota.count()), period, capacity, content: capacity, now }
    }

    fn advance(&mut self, now: u64) {
        let gained = u128::from(now - self.now) * self.count;
        self.content = self.capacity.min(self.content + gained);
        self.now = now;
    }

    fn take(&mut self, units: u64) -> bool {
        let price = u128::from(units) * self.period;
        let enough = price <= self.content;
        if enough {
            self.content -= price;
        }
        enough
    }

    fn remaining(&self) -> u64 {
        (self.content / self.period) as u64
    }

    fn wait(&self, units: u64) -> Option<u64> {
        let price = u128::from(units) * self.period;
        let missing = price.saturating_sub(self.content);
        (price <= self.capacity).then(|| missing.div_ceil(self.count) as u64)
    }

    fn full_in(&self) -> u64 {
        (self.capacity - self.content).div_ceil(self.count) as u64
    }
}

struct Bucket {
    quota: Quota,
    stored: Span,
}

impl Bucket {
    fn level(&self, now: u64) -> Level {
        Level::read(&self.quota, Instant::from_nanos(now), self.stored, 0)
    }

    fn take(&mut self, now: u64, units: u64) -> bool {
        let taken = self.level(now).take(units);
        if let Some(level) = taken {
            self.stored = level.full;
        }
        taken.is_some()
    }
}

const START: u64 = 86_400_000_000_000;

fn bucket(quota: Quota) -> Bucket {
    quota.check().unwrap();
    Bucket { quota, stored: Span::ZERO }
}

prop_compose! {
    fn quotas()(
        count in prop_oneof![1u64..20, 1u64..10_000, Just(1_000_007), 1u64..1_000_000, Just(3_000_000_000)],
        period in prop_oneof![
            Just(1_000_000_000u64), Just(60_000_000_000), Just(3_600_000_000_000),
            Just(86_400_000_000_000), 1u64..1_000_000, 1u64..100_000_000_000_000,
        ],
        burst in prop_oneof![1u64..4, 1u64..1_000, 1u64..1_000_000],
    ) -> Quota {
        Quota::new(count, Duration::from_nanos(period)).burst(burst)
    }
}

proptest! {
    #[test]
    fn every_answer_is_that_of_a_bucket_in_whole_numbers(
        quota in quotas(),
        steps in prop::collection::vec((0u64..4, any::<u64>(), 0u64..5), 1..200),
    ) {
        prop_assume!(quota.check().is_ok());
        let (mut ours, mut reference) = (bucket(quota), Reference::new(&quota, START));
        let unit = (quota.period().as_nanos() as u64 / quota.count()).max(1);
        let mut now = START;
        for (kind, size, units) in steps {
            // Steps around the time of one unit find the edges; long ones fill the bucket.
            now += match kind {
                0 => 0,
                1 => size % (2 * unit + 2),
                2 => unit - u64::from(size % 2 == 0).min(unit) + size % 2,
                _ => size % (u64::try_from(u128::from(unit) * 9).unwrap() + 1),
            };
            let units = if units == 4 { quota.max_burst() } else { units };
            reference.advance(now);
            let level = ours.level(now);
            prop_assert_eq!(level.remaining(), reference.remaining());
            prop_assert_eq!(level.wait(units).map(|wait| wait.as_nanos() as u64), reference.wait(units));
            prop_assert_eq!(level.full_in().as_nanos() as u64, reference.full_in());
            prop_assert_eq!(ours.take(now, units), reference.take(units));
        }
    }

    #[test]
    fn what_is_refused_passes_after_the_wait_and_not_a_nanosecond_before(
        quota in quotas(), taken in 1u64..1_000, units in 1u64..1_000, later in 0u64..1_000_000_000,
    ) {
        prop_assume!(quota.check().is_ok());
        let mut ours = bucket(quota);
        for _ in 0..taken.min(50) {
            ours.take(START, quota.max_burst().div_ceil(50));
        }
        let units = units.min(quota.max_burst());
        let now = START + later;
        let wait = ours.level(now).wait(units).unwrap().as_nanos() as u64;
        if wait > 0 {
            prop_assert!(ours.level(now + wait - 1).take(units).is_none());
        }
        prop_assert!(ours.level(now + wait).take(units).is_some());
    }

    #[test]
    fn what_was_put_back_can_be_taken_again(quota in quotas(), units in 1u64..100, later in 0u64..1_000_000) {
        prop_assume!(quota.check().is_ok() && units <= quota.max_burst());
        let now = Instant::from_nanos(START);
        let before = Level::read(&quota, now, Span::ZERO, 0);
        let taken = before.take(units).unwrap();
        prop_assert_eq!(taken.refund(units).remaining(), before.remaining());
        let later = Level::read(&quota, Instant::from_nanos(START + later), taken.refund(units).full, 0);
        prop_assert_eq!(later.remaining(), quota.max_burst());
    }

    #[test]
    fn it_decides_as_governor_does(
        unit_nanos in 1u32..2_000_000_000, burst in 1u32..50,
        steps in prop::collection::vec((0u64..3, 0u64..5_000_000_000, 1u32..4), 1..200),
    ) {
        // Governor cuts the time of a unit to whole nanoseconds: only such quotas can be compared.
        let period = Duration::from_nanos(u64::from(unit_nanos));
        let burst = NonZeroU32::new(burst).unwrap();
        let clock = FakeRelativeClock::default();
        let governed = governor::Quota::with_period(period).unwrap().allow_burst(burst);
        let governor = RateLimiter::direct_with_clock(governed, clock.clone());
        let mut ours = bucket(Quota::new(1, period).burst(u64::from(burst.get())));
        for (kind, size, units) in steps {
            clock.advance(Duration::from_nanos(match kind {
                0 => 0,
                1 => size % (u64::from(unit_nanos) + 2),
                _ => size,
            }));
            let now = START + clock.now().as_u64();
            let units = NonZeroU32::new(units).unwrap();
            let governors = matches!(governor.check_n(units), Ok(Ok(())));
            prop_assert_eq!(ours.take(now, u64::from(units.get())), governors);
        }
    }
}

#[test]
fn three_a_second_are_three_a_second_for_a_year() {
    let mut ours = bucket(Quota::per_second(3));
    assert!(ours.take(START, 3));
    let mut now = START;
    for taken in 1..=100_000u64 {
        now += ours.level(now).wait(1).unwrap().as_nanos() as u64;
        assert!(ours.take(now, 1));
        assert_eq!(now - START, (taken * 1_000_000_000).div_ceil(3));
    }
}

#[test]
fn more_than_one_a_nanosecond_is_counted_exactly() {
    let mut ours = bucket(Quota::per_second(10_000_000_000).burst(10));
    assert!(ours.take(START, 10));
    assert!(!ours.take(START, 1));
    assert!(ours.take(START + 1, 10));
    assert!(!ours.take(START + 1, 1));
}

#[test]
fn a_quota_that_cannot_be_held_refuses_everything() {
    let quota = Quota::per_second(0);
    let level = Level::read(&quota, Instant::from_nanos(START), Span::ZERO, 0);
    assert!(level.take(0).is_none());
    assert!(level.take(1).is_none());
    assert_eq!((level.remaining(), level.wait(1)), (0, None));
}

#[test]
fn more_than_the_burst_never_passes_and_has_no_wait() {
    let ours = bucket(Quota::per_second(5));
    assert!(ours.level(START).take(6).is_none());
    assert_eq!(ours.level(START).wait(6), None);
    assert!(ours.level(START).charge(u64::MAX).wait(1).unwrap().as_secs() > 1 << 33);
}

#[test]
fn a_swapped_quota_frees_whoever_waits_for_the_old_one() {
    let day = bucket(Quota::per_day(1)).level(START).take(1).unwrap();
    let swapped = Bucket { quota: Quota::per_second(100), stored: day.full };
    let wait = swapped.level(START).wait(1).unwrap();
    assert!(wait <= Duration::from_millis(1_010), "{wait:?}");
}

#[test]
fn a_debt_is_paid_back_in_full() {
    let quota = Quota::per_second(10);
    let owed = bucket(quota).level(START).charge(30);
    let later = |secs: u64, debt| {
        Level::read(&quota, Instant::from_nanos(START + secs * 1_000_000_000), owed.full, debt)
    };
    assert_eq!(later(0, 20).wait(1), Some(Duration::from_millis(2_100)));
    assert_eq!(later(2, 20).remaining(), 0);
    assert_eq!(later(3, 20).remaining(), 10);
    assert_eq!(later(0, 0).wait(1), Some(Duration::from_millis(1_100)), "cut, but for the skew");
}
