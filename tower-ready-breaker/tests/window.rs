//! When a circuit opens. Numbers are those of the scenario list in this crate's issue.

mod support;

use std::time::Duration;

use support::{advance, breaker, builder, calls, failures, oks, secs};
use tower_ready_breaker::{Reason, Sample, State, Trip, TripPolicy};
use tower_ready_core::Instant;

// 1
#[tokio::test(start_paused = true)]
async fn the_tenth_failure_of_ten_opens_it() {
    let breaker = breaker();
    failures(&breaker, 9);
    assert_eq!(breaker.state(), State::Closed);
    failures(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.snapshot().reason, Some(Reason::FailureRate));
}

// 2
#[tokio::test(start_paused = true)]
async fn successes_of_a_window_ago_are_forgotten() {
    let breaker = breaker();
    oks(&breaker, 1_000);
    secs(11).await;
    failures(&breaker, 9);
    assert_eq!(breaker.state(), State::Closed);
    failures(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

// 3
#[tokio::test(start_paused = true)]
async fn within_a_window_it_takes_as_many_failures_as_there_were_successes() {
    let breaker = breaker();
    oks(&breaker, 1_000);
    failures(&breaker, 999);
    assert_eq!(breaker.state(), State::Closed);
    failures(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

// 3, its second half; `model.rs` has the reference for every such spread.
#[tokio::test(start_paused = true)]
async fn successes_that_leave_the_window_one_by_one_count_for_less_and_less() {
    let breaker = breaker();
    for _ in 0..10 {
        oks(&breaker, 10);
        secs(1).await;
    }
    // Nine seconds of ten successes are left, then eight, and so on.
    let mut failed = 0;
    loop {
        failures(&breaker, 10);
        failed += 10;
        if breaker.state() == State::Open {
            break;
        }
        secs(1).await;
    }
    assert_eq!(failed, 50, "fifty failures against fifty successes that are left");
}

// 4
#[tokio::test(start_paused = true)]
async fn alternating_calls_open_it_when_there_are_enough() {
    let breaker = breaker();
    calls(&breaker, "+-+-+-+-+");
    assert_eq!(breaker.state(), State::Closed);
    calls(&breaker, "-");
    assert_eq!(breaker.state(), State::Open);
}

// 5
#[tokio::test(start_paused = true)]
async fn a_success_never_opens_it() {
    let breaker = breaker();
    failures(&breaker, 9);
    oks(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed, "the tenth sample, but no failure");
    failures(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

// 6
#[tokio::test(start_paused = true)]
async fn after_a_quiet_window_it_takes_enough_calls_again() {
    let breaker = breaker();
    failures(&breaker, 9);
    secs(11).await;
    assert_eq!(breaker.snapshot().window.total(), 0);
    failures(&breaker, 9);
    assert_eq!(breaker.state(), State::Closed);
    failures(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

// 7
#[tokio::test(start_paused = true)]
async fn ten_years_later_nothing_is_left() {
    for years in [1, 6, 10, 100] {
        let breaker = breaker();
        calls(&breaker, "+++---");
        secs(years * 365 * 24 * 60 * 60).await;
        assert_eq!(breaker.snapshot().window.total(), 0);
        failures(&breaker, 10);
        assert_eq!(breaker.state(), State::Open, "after {years} years");
    }
}

// 8
#[tokio::test(start_paused = true)]
async fn a_call_on_the_border_of_two_buckets_counts_once() {
    let breaker = breaker();
    let second = Duration::from_secs(1).as_nanos() as u64;
    let to_border = || Duration::from_nanos(second - Instant::now().as_nanos() % second);
    advance(to_border() - Duration::from_nanos(1)).await;
    for counted in [1, 2, 3] {
        assert_eq!(Instant::now().as_nanos() % second, (counted + second - 2) % second);
        oks(&breaker, 1);
        assert_eq!(breaker.snapshot().window.total(), counted, "before, on and after the border");
        advance(Duration::from_nanos(1)).await;
    }
    // Each leaves with its own bucket: the one before the border a second ahead of the others.
    advance(to_border() + Duration::from_secs(8) - Duration::from_nanos(1)).await;
    assert_eq!(breaker.snapshot().window.total(), 3);
    advance(Duration::from_nanos(1)).await;
    assert_eq!(breaker.snapshot().window.total(), 2);
    secs(1).await;
    assert_eq!(breaker.snapshot().window.total(), 0);

    for tenths in 0..50 {
        failures(&breaker, usize::from(tenths % 10 == 0));
        oks(&breaker, 1);
        advance(Duration::from_millis(100)).await;
    }
    let window = breaker.snapshot().window;
    assert_eq!((window.successes, window.failures), (50, 5));
}

// 9
#[tokio::test(start_paused = true)]
async fn failures_in_a_row_need_no_minimum_of_calls() {
    let breaker = builder().min_calls(100).consecutive_failures(5).build().unwrap();
    failures(&breaker, 4);
    assert_eq!(breaker.state(), State::Closed);
    failures(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.snapshot().reason, Some(Reason::ConsecutiveFailures));
}

// 10
#[tokio::test(start_paused = true)]
async fn a_success_ends_the_row() {
    let breaker = builder().min_calls(100).consecutive_failures(5).build().unwrap();
    calls(&breaker, "----+----");
    assert_eq!(breaker.state(), State::Closed);
}

// 11
#[tokio::test(start_paused = true)]
async fn a_call_that_says_nothing_does_not_end_the_row() {
    let breaker = builder().min_calls(100).consecutive_failures(5).build().unwrap();
    calls(&breaker, "----.-");
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_it_whether_or_not_they_succeed() {
    let breaker = builder().slow_calls(Duration::from_secs(1), 0.8).build().unwrap();
    oks(&breaker, 2);
    for _ in 0..8 {
        assert_eq!(breaker.state(), State::Closed);
        let permit = breaker.try_acquire().unwrap();
        secs(1).await;
        permit.success();
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.snapshot().reason, Some(Reason::SlowCalls));
}

#[tokio::test(start_paused = true)]
async fn calls_that_hang_open_it_before_any_of_them_ends() {
    let breaker = builder().slow_calls(Duration::from_secs(1), 0.8).build().unwrap();
    let hanging: Vec<_> = (0..10).map(|_| breaker.try_acquire().unwrap()).collect();
    secs(3).await;
    assert!(breaker.try_acquire().is_err(), "the next call finds out");
    assert_eq!(breaker.snapshot().reason, Some(Reason::SlowCalls));
    drop(hanging);
    assert_eq!(breaker.snapshot().stale, 10);

    let breaker =
        builder().slow_calls(Duration::from_secs(1), 0.8).slow_in_flight(false).build().unwrap();
    let _hanging: Vec<_> = (0..10).map(|_| breaker.try_acquire().unwrap()).collect();
    secs(3).await;
    assert!(breaker.try_acquire().is_ok(), "unless nobody wants to know");
}

#[tokio::test(start_paused = true)]
async fn rules_can_be_changed_while_calls_run() {
    let breaker = breaker();
    let rules = tower_ready_breaker::Breaker::builder("orders").consecutive_failures(2);
    breaker.set_rules(&rules.no_failure_rate()).unwrap();
    failures(&breaker, 2);
    assert_eq!(breaker.snapshot().reason, Some(Reason::ConsecutiveFailures));

    let nonsense = tower_ready_breaker::Breaker::builder("orders").failure_rate(1.5);
    assert!(breaker.set_rules(&nonsense).is_err());
    let nothing = tower_ready_breaker::Breaker::builder("orders").no_failure_rate();
    let error = breaker.set_rules(&nothing).unwrap_err();
    assert_eq!(error.kind(), tower_ready_breaker::ConfigErrorKind::NoRule);
}

/// A rule with a defect.
struct Panics;

impl TripPolicy for Panics {
    fn sample(&mut self, _: &Sample) -> Trip {
        panic!("a rule of little care")
    }

    fn reopened(&mut self) -> Option<Duration> {
        panic!("a rule of little care")
    }

    fn closed(&mut self) {
        panic!("a rule of little care")
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_panics_is_as_good_as_none() {
    let breaker = builder().trip_policy(|| Panics).build().unwrap();
    let mut changes = breaker.subscribe();
    failures(&breaker, 9);
    // Told while another panic unwinds, where one more would end the process.
    let permit = breaker.try_acquire().unwrap();
    let call = std::panic::AssertUnwindSafe(|| {
        let _permit = permit;
        panic!("a call that fails")
    });
    assert!(std::panic::catch_unwind(call).is_err());
    assert_eq!(changes.next().await, State::Open);
    secs(5).await;
    failures(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    secs(5).await;
    oks(&breaker, 1);
    assert_eq!(changes.next().await, State::HalfOpen);
    let mut next = tokio_test::task::spawn(std::future::poll_fn(|cx| changes.poll_next(cx)));
    assert!(next.poll().is_pending());
    oks(&breaker, 1);
    assert!(next.is_woken(), "who listens hears of it all the same");
    assert_eq!(breaker.state(), State::Closed);
}
