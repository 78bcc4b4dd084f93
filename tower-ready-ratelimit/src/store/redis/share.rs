//! What an instance may let pass by itself, while Redis cannot be asked.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tower_ready_core::Instant;

use crate::{
    KeyHash, MemoryStore, Quota,
    quota::Span,
    store::{Demand, Reading, Store, Taking},
};

/// The buckets as this instance last saw them, and its share of them.
///
/// While Redis answers, an entry says when a bucket is full again at the earliest. When it does not,
/// the instance takes from that same moment, but each unit takes as many times as long as there are
/// instances: it assumes that the others take as much. So the switch fills nothing up.
#[derive(Debug)]
pub(super) struct Shadow {
    buckets: MemoryStore,
    /// When a share was last used.
    used: AtomicU64,
}

impl Shadow {
    /// For so long after an outage Redis hears what was taken without it.
    const ECHO: Duration = Duration::from_secs(60);

    pub(super) const fn new(buckets: MemoryStore) -> Self {
        Self { buckets, used: AtomicU64::new(0) }
    }

    /// A bucket is full at `full` at the earliest.
    pub(super) fn note(&self, now: Instant, key: KeyHash, full: Span) {
        self.buckets.raise(now, key, full);
    }

    pub(super) fn forget(&self, now: Instant, demand: &Demand<'_>) {
        self.buckets.adjust(now, demand, crate::store::Change::Reset);
    }

    /// Takes from the shares of a set, all or none.
    pub(super) fn take(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
        instances: u64,
    ) -> bool {
        self.used.store(now.as_nanos(), Relaxed);
        let shares: Vec<Quota> =
            demands.iter().map(|demand| share(demand.quota, instances)).collect();
        let wishes: Vec<_> = demands
            .iter()
            .zip(&shares)
            .map(|(demand, quota)| Demand { quota, ..*demand })
            .collect();
        matches!(self.buckets.take(now, &wishes, readings), Taking::Done(true))
    }

    /// When a bucket is full at the earliest, if some was taken without Redis not long ago.
    pub(super) fn echo(&self, now: Instant, demand: &Demand<'_>) -> Option<Span> {
        let used = self.used.load(Relaxed);
        let is_recent = used > 0 && now.since(Instant::from_nanos(used)) < Self::ECHO;
        is_recent.then(|| self.buckets.peek(now, &Demand { units: 0, ..*demand }).full)
    }
}

/// The share of one of so many instances: as many times slower, and a part of the burst.
fn share(quota: &Quota, instances: u64) -> Quota {
    let instances = instances.max(1);
    let period = u32::try_from(instances).ok().and_then(|it| quota.period().checked_mul(it));
    let burst = quota.max_burst().div_ceil(instances);
    let share = period.map(|period| Quota::new(quota.count(), period).burst(burst));
    // So slow that it cannot be told: nothing.
    share.filter(|share| share.check().is_ok()).unwrap_or(Quota::per_second(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota::per_second(100);

    fn takes(shadow: &Shadow, now: Instant, instances: u64) -> usize {
        let demand = Demand::new(KeyHash::from_bits(1), &QUOTA);
        let mut reading = [Reading::default()];
        (0..1_000).take_while(|_| shadow.take(now, &[demand], &mut reading, instances)).count()
    }

    fn shadow() -> Shadow {
        Shadow::new(MemoryStore::new(10).unwrap())
    }

    #[test]
    fn shares_add_up_to_the_quota() {
        let start = Instant::from_nanos(1_000);
        let shadows = [shadow(), shadow(), shadow(), shadow()];
        let burst: usize = shadows.iter().map(|shadow| takes(shadow, start, 4)).sum();
        assert_eq!(burst, 100);
        let later = start + Duration::from_millis(400);
        let rate: usize = shadows.iter().map(|shadow| takes(shadow, later, 4)).sum();
        assert_eq!(rate, 40);
    }

    #[test]
    fn the_switch_fills_nothing_up() {
        let start = Instant::from_nanos(1_000);
        let shadow = shadow();
        let demand = Demand::new(KeyHash::from_bits(1), &QUOTA);
        assert!(shadow.echo(start, &demand).is_none());
        // Sixty of a hundred were taken.
        shadow.note(start, demand.key, (start + Duration::from_millis(600)).into());
        assert_eq!(takes(&shadow, start, 4), 10, "a quarter of what was left");
        let full = shadow.echo(start, &demand).unwrap();
        assert_eq!(full.nanos, (start + Duration::from_secs(1)).as_nanos());
        assert!(shadow.echo(start + Duration::from_secs(61), &demand).is_none());
    }
}
