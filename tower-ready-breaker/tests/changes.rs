//! Who subscribes to a breaker hears how it changes.

mod support;

use std::{
    sync::Arc,
    task::{Context, Wake, Waker},
    time::Duration,
};

use support::{OPEN, advance, breaker, builder, calls, half_open, trip};
use tokio_test::{assert_pending, assert_ready_eq, task};
use tower_ready_breaker::{State, by_authority};

#[tokio::test(start_paused = true)]
async fn each_state_is_told_as_it_comes() {
    let breaker = builder().recover_over(Duration::from_secs(10)).build().unwrap();
    let mut changes = breaker.subscribe();
    let mut next = task::spawn(std::future::poll_fn(|cx| changes.poll_next(cx)));
    assert_pending!(next.poll());
    calls(&breaker, ".");
    assert!(!next.is_woken(), "calls are no changes");
    trip(&breaker);
    assert!(next.is_woken());
    assert_ready_eq!(next.poll(), State::Open);
    assert_pending!(next.poll());
    advance(OPEN).await;
    let probe = breaker.try_acquire().unwrap();
    assert_ready_eq!(next.poll(), State::HalfOpen);
    assert_pending!(next.poll());
    probe.success();
    assert_pending!(next.poll());
    calls(&breaker, "+");
    assert_ready_eq!(next.poll(), State::Recovering);
    advance(Duration::from_secs(10)).await;
    assert_pending!(next.poll());
    calls(&breaker, "+");
    assert!(next.is_woken());
    assert_ready_eq!(next.poll(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn who_looks_away_hears_of_the_state_that_is() {
    let breaker = breaker();
    let (mut changes, mut other) = (breaker.subscribe(), breaker.subscribe());
    half_open(&breaker).await;
    calls(&breaker, "++");
    assert_eq!(changes.next().await, State::Closed, "it was open, and is not any more");
    let mut late = breaker.subscribe();
    let listener = tokio::spawn(async move { (changes.next().await, late.next().await) });
    tokio::task::yield_now().await;
    breaker.force_open();
    assert_eq!(listener.await.unwrap(), (State::ForcedOpen, State::ForcedOpen));
    assert_eq!(other.next().await, State::ForcedOpen);
}

/// A circuit that never changes must not keep all that ever waited for it.
#[tokio::test(start_paused = true)]
async fn who_leaves_is_off_the_list() {
    let breaker = breaker();
    let held = Arc::new(Woken);
    let waker = Waker::from(Arc::clone(&held));
    for _ in 0..3 {
        let mut changes = breaker.subscribe();
        for _ in 0..2 {
            assert_pending!(changes.poll_next(&mut Context::from_waker(&waker)));
        }
        assert_eq!(Arc::strong_count(&held), 3, "once, however often it is asked");
        drop(changes);
        assert_eq!(Arc::strong_count(&held), 2);
    }
}

/// The waker of a task that nobody else holds: dropping it drops what waits on the same circuit.
#[test]
fn a_waker_that_drops_what_waits_too_locks_nobody_out() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let breaker = breaker();
        let holding = || {
            let mut held = breaker.subscribe();
            assert_pending!(held.poll_next(&mut Context::from_waker(Waker::noop())));
            Waker::from(Arc::new(Holds { _held: held }))
        };
        // Another task polls it: the first one's waker is dropped.
        let mut changes = breaker.subscribe();
        assert_pending!(changes.poll_next(&mut Context::from_waker(&holding())));
        assert_pending!(changes.poll_next(&mut Context::from_waker(Waker::noop())));
        // It leaves, and so does its waker.
        assert_pending!(changes.poll_next(&mut Context::from_waker(&holding())));
        drop(changes);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(60)).unwrap();
}

struct Holds {
    _held: tower_ready_breaker::Changes,
}

impl Wake for Holds {
    fn wake(self: Arc<Self>) {}
}

struct Woken;

impl Wake for Woken {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn the_circuit_of_a_key_is_one_to_subscribe_to() {
    let keyed = builder().consecutive_failures(1).build_keyed(by_authority).unwrap();
    let mut changes = keyed.key("sick.example").subscribe();
    keyed.key("well.example").try_acquire().unwrap().failure();
    keyed.key("sick.example").try_acquire().unwrap().failure();
    assert_eq!(changes.next().await, State::Open);
}
