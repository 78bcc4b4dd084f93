//! What loom explores: every interleaving of two threads on one circuit.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p tower-ready-breaker --lib --release explored`

use loom::{sync::Arc, thread};
use tower_ready_core::{Instant, Outcome};

use super::{Circuit, Phase, Ticket, Told};
use crate::{Breaker, BreakerBuilder, policy::Policy};

const NOW: Instant = Instant::from_nanos(1_000_000_000_000);
const LATER: Instant = Instant::from_nanos(2_000_000_000_000);

const OK: Told = Told::of(Outcome::Success);
const BAD: Told = Told::FAILURE;

fn policy(set: impl Fn(BreakerBuilder) -> BreakerBuilder) -> Policy {
    let builder = Breaker::builder("explored")
        .buckets(2)
        .consecutive_failures(1)
        .open_for([std::time::Duration::from_secs(5)])
        .successes_to_close(1);
    set(builder).policy().unwrap()
}

/// A circuit and its policy, as many threads share them.
fn shared(set: impl Fn(BreakerBuilder) -> BreakerBuilder) -> Arc<(Policy, Circuit)> {
    let policy = policy(set);
    let circuit = Circuit::new(&policy, 1, None);
    Arc::new((policy, circuit))
}

fn admit(shared: &(Policy, Circuit), now: Instant) -> Option<Ticket> {
    shared.1.admit(&shared.0, now).ok()
}

fn settle(shared: &(Policy, Circuit), ticket: Ticket, told: Told, now: Instant) {
    shared.1.settle(&shared.0, ticket, told, now);
}

/// Opens the circuit.
fn open(shared: &(Policy, Circuit)) {
    let ticket = admit(shared, NOW).unwrap();
    settle(shared, ticket, BAD, NOW);
    assert_eq!(shared.1.phase(), Phase::Open);
}

#[test]
fn two_failures_at_once_open_it_once() {
    loom::model(|| {
        let it = shared(|builder| builder);
        let tickets = [(); 2].map(|()| admit(&it, NOW).unwrap());
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || settle(&it, tickets[1], BAD, NOW))
        };
        settle(&it, tickets[0], BAD, NOW);
        other.join().unwrap();
        assert_eq!((it.1.phase(), it.1.generation()), (Phase::Open, 1));
    });
}

#[test]
fn of_two_that_try_it_at_once_one_goes() {
    loom::model(|| {
        let it = shared(|builder| builder);
        open(&it);
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || admit(&it, LATER).is_some())
        };
        let here = admit(&it, LATER).is_some();
        assert!(here ^ other.join().unwrap());
        assert_eq!((it.1.phase(), it.1.generation()), (Phase::HalfOpen, 2));
    });
}

#[test]
fn a_slot_that_is_given_back_is_there_for_one() {
    loom::model(|| {
        let it = shared(|builder| builder);
        open(&it);
        let probe = admit(&it, LATER).unwrap();
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || admit(&it, LATER).is_some())
        };
        settle(&it, probe, Told::of(Outcome::Ignored), LATER);
        let there = other.join().unwrap();
        let here = admit(&it, LATER).is_some();
        assert!(here ^ there, "one slot, one winner, and it is never lost");
    });
}

#[test]
fn a_lease_ends_by_its_holder_or_by_time_and_not_by_both() {
    loom::model(|| {
        let it = shared(|builder| builder);
        open(&it);
        let probe = admit(&it, LATER).unwrap();
        let much_later = LATER + std::time::Duration::from_secs(100);
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || admit(&it, much_later).is_some())
        };
        settle(&it, probe, OK, much_later);
        let admitted = other.join().unwrap();
        let stale = it.1.tally().stale.load(crate::sync::Ordering::Relaxed);
        match it.1.phase() {
            // The holder was first: its success closed the circuit.
            Phase::Closed => assert!(stale == 0 && it.1.totals().successes == 1),
            // Time was first: the probe is lost, and what it says is late.
            Phase::Open => assert!(stale == 1 && !admitted && it.1.totals().successes == 0),
            phase => panic!("{phase:?}"),
        }
    });
}

#[test]
fn whatever_two_probes_say_at_once_the_failure_holds() {
    loom::model(|| {
        let it = shared(|builder| builder.probes(2).successes_to_close(2));
        open(&it);
        let probes = [(); 2].map(|()| admit(&it, LATER).unwrap());
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || settle(&it, probes[1], BAD, LATER))
        };
        settle(&it, probes[0], OK, LATER);
        other.join().unwrap();
        assert_eq!(it.1.phase(), Phase::Open);
    });
}

#[test]
fn samples_that_race_with_a_bucket_are_neither_lost_nor_counted_twice() {
    loom::model(|| {
        let it = shared(|builder| builder.no_failure_rate().consecutive_failures(100));
        let first = admit(&it, NOW).unwrap();
        settle(&it, first, OK, NOW);
        // The same place in the ring, a window on.
        let next = NOW + std::time::Duration::from_secs(10);
        let tickets = [(); 2].map(|()| admit(&it, next).unwrap());
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || settle(&it, tickets[1], OK, next))
        };
        settle(&it, tickets[0], OK, next);
        other.join().unwrap();
        assert_eq!(it.1.counts(next).successes, 2);
        assert_eq!(it.1.totals().successes, 3);
    });
}

#[test]
fn who_sleeps_through_its_generation_leaves_the_slot_to_its_next_holder() {
    loom::model(|| {
        let it = shared(|builder| builder);
        open(&it);
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || {
                let _ = admit(&it, LATER);
            })
        };
        it.1.command(&it.0, Phase::HalfOpen, LATER);
        let probe = admit(&it, LATER);
        other.join().unwrap();
        if let Some(probe) = probe {
            settle(&it, probe, OK, LATER);
            assert_eq!(it.1.phase(), Phase::Closed, "the slot was its holder's alone");
        }
    });
}

#[test]
fn a_call_of_before_counts_for_nothing_after() {
    loom::model(|| {
        let it = shared(|builder| builder.consecutive_failures(2));
        let early = admit(&it, NOW).unwrap();
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || settle(&it, early, BAD, NOW))
        };
        it.1.command(&it.0, Phase::Closed, NOW);
        let ticket = admit(&it, NOW).unwrap();
        settle(&it, ticket, BAD, NOW);
        other.join().unwrap();
        assert_eq!(it.1.phase(), Phase::Closed, "one failure, and it takes two");
        assert_eq!(it.1.counts(NOW).failures, 1);
        let stale = it.1.tally().stale.load(crate::sync::Ordering::Relaxed);
        assert_eq!(it.1.totals().failures + stale, 2, "and none is lost");
    });
}

#[test]
fn a_suspicion_undoes_no_order() {
    loom::model(|| {
        let it = shared(|builder| builder);
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || it.1.command(&it.0, Phase::ForcedOpen, NOW))
        };
        it.1.suspect(&it.0, NOW);
        other.join().unwrap();
        assert_eq!(it.1.phase(), Phase::ForcedOpen);
    });
}

#[test]
fn an_order_and_an_outcome_at_once_end_as_the_order_says() {
    loom::model(|| {
        let it = shared(|builder| builder);
        let ticket = admit(&it, NOW).unwrap();
        let other = {
            let it = Arc::clone(&it);
            thread::spawn(move || it.1.command(&it.0, Phase::ForcedOpen, NOW))
        };
        settle(&it, ticket, BAD, NOW);
        other.join().unwrap();
        assert_eq!(it.1.phase(), Phase::ForcedOpen);
    });
}
