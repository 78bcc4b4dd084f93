use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use proptest::prelude::*;

use super::*;
use crate::{KeyHash, Quota, store::table::WAYS};

const START: u64 = 86_400_000_000_000;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(START + nanos)
}

/// Spreads small numbers over all 128 bits, as a keyed hash does.
fn key(number: u64) -> KeyHash {
    let spread = |number: u64| {
        let mixed = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    KeyHash::from_bits(u128::from(spread(number)) << 64 | u128::from(spread(!number)))
}

fn demand(number: u64, quota: &Quota, units: u64) -> Demand<'_> {
    Demand::new(key(number), quota).units(units)
}

fn take(store: &MemoryStore, now: Instant, demands: &[Demand<'_>]) -> (bool, Vec<Reading>) {
    let mut readings = vec![Reading::default(); demands.len()];
    match store.take(now, demands, &mut readings) {
        Taking::Done(taken) => (taken, readings),
        Taking::Trip(_) => unreachable!("memory is at hand"),
    }
}

/// Admissions as (moment, units), to check every window that begins and ends with one.
fn assert_bounded(quota: Quota, admitted: &[(u64, u64)]) {
    for (first, (begin, _)) in admitted.iter().enumerate() {
        let mut sum = 0u128;
        for (end, units) in &admitted[first..] {
            sum += u128::from(*units);
            let earned = u128::from(end - begin) * u128::from(quota.count());
            let bound = u128::from(quota.max_burst()) * quota.period().as_nanos() + earned;
            assert!(sum * quota.period().as_nanos() <= bound, "{sum} in {} ns", end - begin);
        }
    }
}

const QUOTAS: [Quota; 4] = [
    Quota::per_second(3),
    Quota::per_second(1_000_007).burst(5),
    Quota::per_minute(10).burst(2),
    Quota::per_hour(7),
];

/// How much later, and what is wanted then: (key, quota, units).
type Step = (u64, Vec<(u64, usize, u64)>);

fn steps(keys: u64) -> impl Strategy<Value = Vec<Step>> {
    let set = prop::collection::vec((0..keys, 0..QUOTAS.len(), 0u64..4), 1..=8);
    prop::collection::vec((prop_oneof![Just(0), 0u64..1_000, 0u64..2_000_000_000], set), 1..120)
}

proptest! {
    #[test]
    fn a_set_is_taken_whole_or_not_at_all(steps in steps(6)) {
        // With room for all, every bucket does what a bucket of its own would.
        let store = MemoryStore::new(4_096).unwrap();
        let mut model = HashMap::<(u64, usize), Span>::new();
        let mut now = 0;
        for (step, set) in steps {
            now += step;
            let id = |(key, quota, _): &(u64, usize, u64)| (*key, *quota);
            let demands: Vec<_> = set.iter()
                .map(|(key, quota, units)| demand(key * 8 + *quota as u64, &QUOTAS[*quota], *units))
                .collect();
            let mut next = model.clone();
            let mut enough = true;
            for wanted in &set {
                let stored = next.get(&id(wanted)).copied().unwrap_or(Span::ZERO);
                match Level::read(&QUOTAS[wanted.1], at(now), stored, 0).take(wanted.2) {
                    Some(taken) => { next.insert(id(wanted), taken.full); }
                    None => enough = false,
                }
            }
            if enough {
                model = next;
            }
            let (taken, readings) = take(&store, at(now), &demands);
            prop_assert_eq!(taken, enough);
            prop_assert_eq!(readings.iter().all(Reading::had_enough), taken);
            for (wanted, demand) in set.iter().zip(&demands) {
                let stored = model.get(&id(wanted)).copied().unwrap_or(Span::ZERO);
                let level = Level::read(&QUOTAS[wanted.1], at(now), stored, 0);
                prop_assert_eq!(store.peek(at(now), demand).remaining(), level.remaining());
            }
        }
    }

    #[test]
    fn a_table_that_is_too_small_never_lets_more_pass(
        steps in steps(40), overflow in prop_oneof![Just(Overflow::Share), Just(Overflow::Refuse)],
    ) {
        // Two buckets for a hundred keys: most have no place, and places change hands.
        let store = MemoryStore::new(1).unwrap().overflow(overflow);
        let mut admitted = HashMap::<(u64, usize), Vec<(u64, u64)>>::new();
        let mut now = 0;
        for (step, set) in steps {
            now += step;
            let demands: Vec<_> = set.iter()
                .map(|(key, quota, units)| demand(key * 8 + *quota as u64, &QUOTAS[*quota], *units))
                .collect();
            if take(&store, at(now), &demands).0 {
                for (key, quota, units) in set {
                    admitted.entry((key, quota)).or_default().push((now, units));
                }
            }
        }
        for ((_, quota), admitted) in admitted {
            assert_bounded(QUOTAS[quota], &admitted);
        }
    }
}

#[test]
fn a_key_without_a_place_begins_where_the_shared_cell_stands() {
    let store = MemoryStore::new(1).unwrap();
    let quota = Quota::per_second(2);
    let places = WAYS + WAYS - 1;
    for number in 0..places as u64 {
        assert!(store.check(at(0), &demand(number, &quota, 1)).is_ok());
    }
    // No place is left: both take their burst from the one cell.
    assert!(store.check(at(1), &demand(100, &quota, 1)).is_ok());
    assert!(store.check(at(1), &demand(101, &quota, 1)).is_ok());
    assert!(store.check(at(1), &demand(100, &quota, 1)).is_err());
    // Places are free again, but the cell is not full yet: its debt goes with the key.
    let later = at(500_000_000);
    assert_eq!(store.peek(later, &demand(100, &quota, 1)).remaining(), 0);
    let later = at(1_000_000_001);
    assert_eq!(store.peek(later, &demand(100, &quota, 1)).remaining(), 2);
}

#[test]
fn overflow_may_refuse_or_admit() {
    let quota = Quota::per_hour(1);
    for (overflow, passes) in [(Overflow::Refuse, false), (Overflow::Admit, true)] {
        let store = MemoryStore::new(1).unwrap().overflow(overflow);
        for number in 0..(WAYS + WAYS - 1) as u64 {
            assert!(store.check(at(0), &demand(number, &quota, 1)).is_ok());
        }
        for _ in 0..3 {
            let checked = store.check(at(0), &demand(99, &quota, 1));
            assert_eq!(checked.is_ok(), passes, "{overflow:?}");
            assert_eq!(
                take(&store, at(0), &[demand(99, &quota, 1), demand(1, &quota, 0)]).0,
                passes
            );
        }
    }
}

#[test]
fn memory_stays_what_it_was_under_ten_million_keys() {
    let store = MemoryStore::new(10_000).unwrap();
    let bytes = store.bytes();
    assert!(bytes <= 24 * 10_000 + 2 * 128, "{bytes}");
    let quota = Quota::per_hour(1);
    let mut admitted = 0u32;
    for number in 0..10_000_000 {
        let moment = at(number); // ten million keys within ten milliseconds
        admitted += u32::from(store.check(moment, &demand(number, &quota, 1)).is_ok());
    }
    assert_eq!(store.bytes(), bytes);
    assert!((12_000..=15_500).contains(&admitted), "{admitted}");
}

#[test]
fn a_store_holds_the_keys_it_is_made_for() {
    let store = MemoryStore::new(100_000).unwrap();
    let quota = Quota::per_hour(1);
    let early = (0..100_000)
        .filter(|number| store.check(at(0), &demand(*number, &quota, 1)).is_err())
        .count();
    assert!(early <= 30, "{early} found no place");
}

#[test]
fn threads_share_one_quota() {
    let store = MemoryStore::new(16).unwrap();
    let quota = Quota::per_hour(10_000);
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..4u64 {
            let (store, admitted) = (&store, &admitted);
            scope.spawn(move || {
                for turn in 0..5_000 {
                    // Both take from the first; the order of the set differs from thread to thread.
                    let mut set = [demand(1, &quota, 1), demand(2 + turn % 50, &quota, 1)];
                    if thread % 2 == 0 {
                        set.reverse();
                    }
                    admitted.fetch_add(u64::from(take(store, at(0), &set).0), Relaxed);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 10_000);
}

#[test]
fn one_bucket_can_be_charged_refunded_and_reset() {
    let store = MemoryStore::new(16).unwrap();
    let quota = Quota::per_second(10);
    let change = |change, units| {
        store.adjust(at(0), &Demand { debt: 5, ..demand(1, &quota, units) }, change);
    };
    let remaining = || store.peek(at(0), &Demand { debt: 5, ..demand(1, &quota, 1) }).remaining();
    change(Change::Charge, 4);
    assert_eq!(remaining(), 6);
    change(Change::Refund, 3);
    assert_eq!(remaining(), 9);
    change(Change::Refund, 100);
    assert_eq!(remaining(), 10);
    change(Change::Charge, 1_000);
    let level = store.peek(at(0), &Demand { debt: 5, ..demand(1, &quota, 1) });
    assert_eq!(level.full_in(), Duration::from_millis(1_500), "ten units and a debt of five");
    change(Change::Reset, 0);
    assert_eq!(remaining(), 10);
}

#[test]
fn the_hottest_keys_are_those_furthest_from_full() {
    let store = MemoryStore::new(1_000).unwrap();
    let quota = Quota::per_hour(100);
    for number in 1..=50u64 {
        assert!(store.check(at(0), &demand(number, &quota, number)).is_ok());
    }
    let hottest = store.hottest(at(0), 3);
    let tags: Vec<_> = hottest.iter().map(|hot| hot.tag).collect();
    assert_eq!(tags, [50, 49, 48].map(|number| key(number).tag()));
    assert_eq!(hottest[0].full_in, Duration::from_secs(50 * 36));
}

#[test]
fn keys_are_in_use_until_their_buckets_are_full() {
    let store = MemoryStore::new(1_000).unwrap();
    let quota = Quota::per_hour(100);
    for number in 1..=50u64 {
        assert!(store.check(at(0), &demand(number, &quota, number)).is_ok());
    }
    assert_eq!(store.in_use(at(0)), 50);
    // One unit comes back each 36 seconds.
    let after = |seconds: u64| store.in_use(at(seconds * 1_000_000_000));
    assert_eq!(after(20 * 36 + 1), 30);
    assert_eq!(after(50 * 36 + 1), 0);
}

#[test]
fn a_store_for_nobody_and_a_set_too_large_are_refused() {
    assert!(MemoryStore::new(0).unwrap_err().to_string().contains("room for no keys"));
    let store = MemoryStore::new(1).unwrap();
    let quota = Quota::per_second(1);
    let set = vec![demand(1, &quota, 1); 9];
    assert!(!take(&store, at(0), &set).0);
    assert!(take(&store, at(0), &[]).0);
}
