//! What comes from and goes to [governor](::governor).

use std::{
    collections::hash_map::RandomState, fmt, future::Ready, num::NonZeroU32, sync::Arc,
    time::Duration,
};

use ::governor::{
    RateLimiter,
    clock::{Clock, QuantaClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use tower_ready_core::Instant;

use crate::{
    Quota,
    store::{Change, Demand, Reading, Store, StoreError, Taking},
};

/// A governor quota is a burst and the time that a unit takes; here it is one unit for each such
/// time, with that burst.
impl From<::governor::Quota> for Quota {
    fn from(quota: ::governor::Quota) -> Self {
        Self::new(1, quota.replenish_interval()).burst(u64::from(quota.burst_size().get()))
    }
}

/// Keeps the buckets of one policy in a keyed governor limiter, for whoever has its state already.
///
/// It has limits that [`MemoryStore`](crate::MemoryStore) has not, all of governor's:
///
/// - One quota, that of the limiter, whatever the policy says: make the policy of it, too.
/// - One policy. A set of several is taken one by one, and what came before a refusal stays taken.
/// - Units are never put back: [`Policy::counts`](crate::Policy::counts), refunds and resets have no
///   effect.
/// - Keys stay until [`retain_recent`](RateLimiter::retain_recent) is called: without that, memory
///   grows with every caller.
#[derive(Clone)]
pub struct GovernorStore {
    limiter: Arc<Governed>,
    clock: QuantaClock,
}

/// The limiter that a [`GovernorStore`] takes from: keyed by the bits of a
/// [`KeyHash`](crate::KeyHash).
pub type Governed = RateLimiter<
    u128,
    DashMapStateStore<u128, RandomState>,
    QuantaClock,
    StateInformationMiddleware,
>;

impl GovernorStore {
    /// A store of this quota.
    #[must_use]
    pub fn new(quota: ::governor::Quota) -> Self {
        let clock = QuantaClock::default();
        let limiter = RateLimiter::dashmap_with_clock(quota, clock.clone())
            .with_middleware::<StateInformationMiddleware>();
        Self { limiter: Arc::new(limiter), clock }
    }

    /// The limiter itself, to forget old keys.
    #[must_use]
    pub fn limiter(&self) -> &Governed {
        &self.limiter
    }
}

impl Store for GovernorStore {
    type Trip = Ready<Result<Vec<Reading>, StoreError>>;

    fn take(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Taking<Self::Trip> {
        let mut enough = true;
        for (demand, reading) in demands.iter().zip(readings) {
            *reading = self.take_one(now, demand);
            enough &= reading.had_enough();
        }
        Taking::Done(enough)
    }

    fn adjust(&self, _: Instant, demand: &Demand<'_>, change: Change) {
        if change == Change::Charge
            && let Some(units) = units(demand)
        {
            // What it has not, it cannot owe.
            let _ = self.limiter.check_key_n(&demand.key.to_bits(), units);
        }
    }

    fn is_local(&self) -> bool {
        true
    }
}

impl GovernorStore {
    fn take_one(&self, now: Instant, demand: &Demand<'_>) -> Reading {
        let Some(units) = units(demand) else {
            return Reading::new(now, Duration::ZERO, demand.units == 0);
        };
        match self.limiter.check_key_n(&demand.key.to_bits(), units) {
            Ok(Ok(state)) => {
                let quota = state.quota();
                let taken = quota.burst_size().get() - state.remaining_burst_capacity();
                Reading::new(now, quota.replenish_interval() * taken, true)
            }
            Ok(Err(refused)) => {
                let quota = refused.quota();
                let beyond = quota.burst_size().get() - units.get();
                let wait = refused.wait_time_from(self.clock.now());
                Reading::new(now, wait + quota.replenish_interval() * beyond, false)
            }
            Err(_) => Reading::new(now, Duration::ZERO, false),
        }
    }
}

fn units(demand: &Demand<'_>) -> Option<NonZeroU32> {
    u32::try_from(demand.units).ok().and_then(NonZeroU32::new)
}

impl fmt::Debug for GovernorStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GovernorStore").field("keys", &self.limiter.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::KeyHash;

    fn governed() -> ::governor::Quota {
        let burst = NonZeroU32::new(3).unwrap();
        ::governor::Quota::with_period(Duration::from_secs(3600)).unwrap().allow_burst(burst)
    }

    #[test]
    fn a_quota_of_governors_means_the_same_here() {
        let quota = Quota::from(governed());
        assert_eq!(quota, Quota::per_hour(1).burst(3));
        let per_second = ::governor::Quota::per_second(NonZeroU32::new(50).unwrap());
        assert_eq!(Quota::from(per_second).to_string(), "1/20ms;burst=50");
    }

    #[test]
    fn a_governor_keeps_the_buckets() {
        let store = GovernorStore::new(governed());
        let quota = Quota::from(governed());
        let take = |key, units| {
            let demand = Demand::new(KeyHash::from_bits(key), &quota).units(units);
            let mut reading = [Reading::default()];
            let now = Instant::now();
            let taken = matches!(store.take(now, &[demand], &mut reading), Taking::Done(true));
            (taken, reading[0].level(now, &demand))
        };
        assert_eq!(take(1, 2).1.remaining(), 1);
        assert!(take(1, 1).0);
        let (taken, level) = take(1, 1);
        assert!(!taken && level.remaining() == 0);
        let wait = level.wait(1).unwrap();
        assert!(wait > Duration::from_secs(3590) && wait <= Duration::from_secs(3600), "{wait:?}");
        assert!(take(2, 3).0);
        assert_eq!(take(2, 4).1.wait(4), None);
        assert_eq!(store.limiter().len(), 2);
    }
}
