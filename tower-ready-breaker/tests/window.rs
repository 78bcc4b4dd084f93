//! When a circuit opens. Numbers are those of the scenario list in this crate's issue.

mod support;

use std::time::Duration;

use support::{advance, breaker, builder, calls, failures, oks, secs};
use tower_ready_breaker::{Reason, State};

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
}
