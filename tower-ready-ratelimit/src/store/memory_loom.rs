//! What loom explores: every interleaving of two threads on a table of a few buckets.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p tower-ready-ratelimit --lib --release explored`

use loom::{sync::Arc, thread};

use super::*;
use crate::{KeyHash, Quota};

static ONE: Quota = Quota::per_hour(1);
static TWO: Quota = Quota::per_hour(2);
const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn demand(number: u64, quota: &Quota) -> Demand<'_> {
    let number = u128::from(number);
    Demand::new(KeyHash::from_bits(number << 120 | number), quota)
}

fn take(store: &MemoryStore, set: &[Demand<'_>]) -> bool {
    let mut readings = [Reading::default(); 2];
    matches!(store.take(NOW, set, &mut readings), Taking::Done(true))
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(1).unwrap())
}

#[test]
fn two_threads_enter_a_key_once_and_share_its_burst() {
    loom::model(|| {
        let store = store();
        let alice = demand(1, &ONE);
        let other = {
            let store = Arc::clone(&store);
            thread::spawn(move || store.check(NOW, &alice).is_ok())
        };
        let here = store.check(NOW, &alice).is_ok();
        assert!(here ^ other.join().unwrap(), "one unit, one winner");
    });
}

#[test]
fn sets_in_opposite_order_neither_wait_for_each_other_nor_lose_a_unit() {
    loom::model(|| {
        let store = store();
        let quota = &ONE;
        let (alice, bob, carol) = (demand(1, quota), demand(2, quota), demand(3, quota));
        let other = {
            let store = Arc::clone(&store);
            thread::spawn(move || take(&store, &[bob, alice]))
        };
        let here = take(&store, &[alice, carol]);
        let there = other.join().unwrap();
        assert!(here ^ there, "both need alice's only unit");
        // Whoever lost has given everything back.
        let left = |demand: Demand<'_>| store.peek(NOW, &demand).remaining();
        assert_eq!(left(alice), 0);
        assert_eq!((left(bob), left(carol)), (u64::from(here), u64::from(there)));
    });
}

#[test]
fn a_refund_and_a_taking_both_count() {
    loom::model(|| {
        let store = store();
        let alice = demand(1, &TWO);
        assert!(take(&store, &[alice]));
        let other = {
            let store = Arc::clone(&store);
            thread::spawn(move || store.adjust(NOW, &alice, Change::Refund))
        };
        assert!(take(&store, &[alice]));
        other.join().unwrap();
        assert_eq!(store.peek(NOW, &alice).remaining(), 1);
    });
}

#[test]
fn so_it_is_for_keys_in_buckets_of_their_own() {
    loom::model(|| {
        let store = Arc::new(MemoryStore::new(16).unwrap());
        let demand = |number: u128| Demand::new(KeyHash::from_bits(number << 62 | number), &ONE);
        let (alice, bob, carol) = (demand(1), demand(2), demand(3));
        let other = {
            let store = Arc::clone(&store);
            thread::spawn(move || take(&store, &[bob, alice]))
        };
        let here = take(&store, &[alice, carol]);
        let there = other.join().unwrap();
        assert!(here ^ there, "both need alice's only unit");
        let left = |demand: Demand<'_>| store.peek(NOW, &demand).remaining();
        assert_eq!((left(bob), left(carol)), (u64::from(here), u64::from(there)));
    });
}
