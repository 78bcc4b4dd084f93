//! How many failures an address may have.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tower_ready_core::Instant;

/// Bounds the memory to some megabytes. When all places are taken by addresses that fail right now,
/// a further one is not counted, rather than that one of them is forgotten.
const MAX_ADDRESSES: usize = 64 * 1_024;

const SHARDS: usize = 16;

const LONGEST: Duration = Duration::from_secs(15 * 60);

const SHORTEST: Duration = Duration::from_secs(1);

/// Failures by the address that they come from, as a token bucket (GCRA): so many at once, and then
/// one more for each so many-th part of the period.
///
/// An address that fails again as soon as it may waits twice as long each time, up to a quarter of
/// an hour, until it has been quiet for a whole period. Nothing that one address does touches
/// another, so nobody can lock somebody else out.
pub(crate) struct Throttle {
    step: Duration,
    period: Duration,
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    /// Read first: while nobody fails, a request costs no more than this.
    addresses: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    failures: HashMap<u128, Failures>,
    /// When it was last looked through for what may be forgotten.
    swept: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Failures {
    /// When the bucket will be full again.
    full: Instant,
    locked_until: Instant,
    locks: u32,
}

impl Throttle {
    pub(crate) fn new(failures: u32, period: Duration) -> Self {
        Self {
            step: period / failures.max(1),
            period,
            shards: Default::default(),
            hasher: RandomState::new(),
            addresses: AtomicUsize::new(0),
        }
    }

    /// Whether any address has failed at all.
    pub(crate) fn is_quiet(&self) -> bool {
        self.addresses.load(Ordering::Relaxed) == 0
    }

    /// How long an address has to wait, if it has to.
    pub(crate) fn wait(&self, source: IpAddr, now: Instant) -> Option<Duration> {
        let key = key(source);
        let shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let wait = shard.failures.get(&key)?.locked_until.since(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// Notes a failure, and says for how long the address is locked, if it is from now on.
    pub(crate) fn failed(&self, source: IpAddr, now: Instant) -> Option<Duration> {
        let key = key(source);
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        if !shard.failures.contains_key(&key) && !self.make_room(&mut shard, now) {
            return None;
        }
        let before = shard.failures.len();
        let new = Failures { full: now, locked_until: now, locks: 0 };
        let failures = shard.failures.entry(key).or_insert(new);
        let lock = failures.add(now, self.step, self.period);
        self.addresses.fetch_add(shard.failures.len() - before, Ordering::Relaxed);
        lock
    }

    /// Forgets the addresses of a shard that have been quiet, when it has no room: at most once in
    /// a second, so that a flood does not make each request look through all of them.
    fn make_room(&self, shard: &mut Shard, now: Instant) -> bool {
        let failures = &mut shard.failures;
        if failures.len() < MAX_ADDRESSES / SHARDS {
            return true;
        }
        if shard.swept.is_none_or(|swept| now.since(swept) >= SHORTEST) {
            shard.swept = Some(now);
            let before = failures.len();
            failures.retain(|_, it| it.full > now || it.locked_until > now);
            self.addresses.fetch_sub(before - failures.len(), Ordering::Relaxed);
        }
        failures.len() < MAX_ADDRESSES / SHARDS
    }

    fn shard(&self, key: u128) -> &Mutex<Shard> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}

impl Failures {
    fn add(&mut self, now: Instant, step: Duration, period: Duration) -> Option<Duration> {
        if self.full <= now && self.locked_until <= now {
            self.locks = 0;
        }
        self.full = self.full.max(now) + step;
        if (self.full + step).since(now) <= period {
            return None;
        }
        let lock = step.max(SHORTEST).saturating_mul(1 << self.locks.min(20)).min(LONGEST);
        self.locks += 1;
        self.locked_until = now + lock;
        Some(lock)
    }
}

/// Whose address it is: all of IPv4, and the first 64 bits of IPv6, which is what one subscriber
/// has.
fn key(source: IpAddr) -> u128 {
    match source.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX) | 1 << 63,
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("step", &self.step)
            .field("period", &self.period)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn so_many_failures_are_free_and_the_next_ones_cost_ever_more() {
        let throttle = Throttle::new(60, MINUTE);
        let (source, mut now) = (address("192.0.2.1"), Instant::from_nanos(1 << 40));
        for n in 1..60 {
            assert_eq!(throttle.failed(source, now), None, "{n}");
            assert_eq!(throttle.wait(source, now), None);
        }
        for seconds in [1, 2, 4, 8, 16] {
            let lock = Duration::from_secs(seconds);
            let locked = throttle.failed(source, now).or_else(|| throttle.failed(source, now));
            // After a longer lock more than one failure is free again, so fail until it locks.
            let locked = locked.or_else(|| (0..60).find_map(|_| throttle.failed(source, now)));
            assert_eq!(locked, Some(lock));
            assert_eq!(throttle.wait(source, now), Some(lock));
            now = now + lock;
            assert_eq!(throttle.wait(source, now), None);
        }
        now = now + MINUTE * 2;
        let locked = (0..60).find_map(|_| throttle.failed(source, now));
        assert_eq!(locked, Some(Duration::from_secs(1)), "all is forgotten");
    }

    #[test]
    fn a_lock_has_an_end() {
        let throttle = Throttle::new(1, MINUTE);
        let (source, mut now) = (address("192.0.2.1"), Instant::from_nanos(1 << 40));
        for _ in 0..40 {
            let lock = throttle.failed(source, now).unwrap();
            assert!(lock <= LONGEST);
            now = now + lock;
        }
    }

    #[test]
    fn nobody_locks_another_out() {
        let throttle = Throttle::new(1, MINUTE);
        let now = Instant::from_nanos(1 << 40);
        assert!(throttle.is_quiet());
        for (bad, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ] {
            throttle.failed(address(bad), now);
            assert!(throttle.wait(address(same), now).is_some());
            assert!(throttle.wait(address(other), now).is_none());
        }
        assert!(!throttle.is_quiet());
    }

    #[test]
    fn a_flood_of_addresses_has_a_bound() {
        let throttle = Throttle::new(1, MINUTE);
        let now = Instant::from_nanos(1 << 40);
        for n in 0..2 * MAX_ADDRESSES as u32 {
            throttle.failed(IpAddr::V4(n.into()), now);
        }
        let kept = throttle.addresses.load(Ordering::Relaxed);
        assert!((MAX_ADDRESSES / 2..=MAX_ADDRESSES).contains(&kept), "{kept}");
        // Once they are quiet, they make room.
        let later = now + LONGEST + MINUTE;
        assert!(throttle.failed(address("2001:db8::1"), later).is_some());
    }
}
