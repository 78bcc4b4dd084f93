//! Nothing is lost, nothing is counted twice, and nonsense is refused.

mod support;

use std::time::Duration;

use support::{builder, calls, half_open, secs, trip};
use tower_ready_breaker::{Backoff, Breaker, BreakerBuilder, ConfigErrorKind as Kind};
use tower_ready_core::Outcome;
use tower_ready_problem::Caller;

// 55
#[tokio::test(start_paused = true)]
async fn a_rejection_says_how_long_to_wait() {
    let breaker = support::breaker();
    trip(&breaker);
    for waited in 0..5 {
        let left = Duration::from_secs(5 - waited);
        assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), left);
        assert_eq!(breaker.snapshot().retry_after, Some(left));
        assert_eq!(breaker.admits_in(), Some(left));
        secs(1).await;
    }
    assert_eq!(breaker.admits_in(), Some(Duration::ZERO));
    let _probe = breaker.try_acquire().unwrap();
    let moment = Duration::from_secs(1);
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), moment);
    assert_eq!(breaker.admits_in(), Some(moment));
}

/// As its callers see it: a whole number of seconds, rounded up.
#[tokio::test(start_paused = true)]
async fn what_is_told_to_callers_is_no_shorter_than_the_wait_and_a_second_longer_at_most() {
    let breaker = support::breaker();
    trip(&breaker);
    for (advance, told) in [(0, "5"), (1, "5"), (998, "5"), (1, "4"), (3_999, "1")] {
        support::advance(Duration::from_millis(advance)).await;
        let rejected = breaker.try_acquire().unwrap_err();
        let caller = Caller::of(&http::Request::new(()));
        let answer = rejected.problem().answer(&caller);
        assert_eq!(answer.headers()["retry-after"], told, "{rejected:?}");
    }
}

// 61
#[test]
fn whatever_is_let_through_by_many_threads_is_counted_once() {
    // A million for each thread, where that does not take a minute.
    const CALLS: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 8_000_000 };
    let breaker = builder()
        .window(Duration::from_millis(50))
        .min_calls(1_000)
        .failure_rate(0.3)
        .open_for([Duration::from_micros(100)])
        .probes(4)
        .build()
        .unwrap();
    let admitted: u64 = std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| {
            scope.spawn(|| {
                let mut held = Vec::new();
                let mut admitted = 0;
                for call in 0..CALLS / 8 {
                    let Ok(permit) = breaker.try_acquire() else {
                        continue;
                    };
                    admitted += 1;
                    match call * 2_654_435_761 % 11 {
                        0..5 => permit.success(),
                        5..8 => permit.failure(),
                        8 => permit.ignore(),
                        9 => permit.record(Outcome::RateLimited(None)),
                        _ => held.push(permit),
                    }
                    if held.len() > 50 {
                        held.clear();
                    }
                }
                admitted
            })
        });
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    let it = breaker.snapshot();
    let counted = it.totals.total() + it.ignored + it.dropped + it.rate_limited + it.stale;
    assert_eq!(counted, admitted, "{it:?}");
    assert_eq!(it.rejected, CALLS - admitted, "{it:?}");
    assert!(it.generation > 0, "it opened meanwhile: {it:?}");
}

// 62; a test of the window in this crate fills a counter to its end.
#[tokio::test(start_paused = true)]
async fn a_million_failures_in_one_bucket_are_a_million() {
    let breaker = support::breaker();
    breaker.disable();
    for _ in 0..(1 << 20) + 7 {
        breaker.try_acquire().unwrap().failure();
    }
    assert_eq!(breaker.snapshot().window.failures, (1 << 20) + 7);
    secs(11).await;
    assert_eq!(breaker.snapshot().window.total(), 0);
    assert_eq!(breaker.snapshot().totals.failures, (1 << 20) + 7);
}

// 63
#[test]
fn nonsense_is_refused_by_the_name_of_its_setting() {
    type Set = fn(BreakerBuilder) -> BreakerBuilder;
    let cases: [(Set, Kind, &str); 26] = [
        (|it| it.window(Duration::ZERO), Kind::Window, "window"),
        (|it| it.window(Duration::from_millis(9)), Kind::Window, "window"),
        (|it| it.window(Duration::MAX), Kind::Window, "window"),
        (|it| it.buckets(0), Kind::Buckets, "buckets"),
        (|it| it.buckets(257), Kind::Buckets, "buckets"),
        (|it| it.failure_rate(0.0), Kind::FailureRate, "failure_rate"),
        (|it| it.failure_rate(-0.1), Kind::FailureRate, "failure_rate"),
        (|it| it.failure_rate(1.1), Kind::FailureRate, "failure_rate"),
        (|it| it.failure_rate(f64::NAN), Kind::FailureRate, "failure_rate"),
        (|it| it.failure_rate(f64::INFINITY), Kind::FailureRate, "failure_rate"),
        (|it| it.slow_calls(Duration::from_secs(1), f64::NAN), Kind::SlowRate, "slow_calls"),
        (|it| it.slow_calls(Duration::from_secs(1), 1.5), Kind::SlowRate, "slow_calls"),
        (|it| it.slow_calls(Duration::ZERO, 0.5), Kind::SlowThreshold, "slow_calls"),
        (|it| it.min_calls(0), Kind::MinCalls, "min_calls"),
        (|it| it.consecutive_failures(0), Kind::Consecutive, "consecutive_failures"),
        (|it| it.open_for([]), Kind::OpenTimes, "open_for"),
        (|it| it.probes(0), Kind::Probes, "probes"),
        (|it| it.probes(17), Kind::Probes, "probes"),
        (|it| it.successes_to_close(0), Kind::SuccessesToClose, "successes_to_close"),
        (|it| it.probe_lease(Duration::ZERO), Kind::ProbeLease, "probe_lease"),
        (|it| it.abandon_after(Duration::ZERO), Kind::AbandonAfter, "abandon_after"),
        (|it| it.throttle(0.9), Kind::Throttle, "throttle"),
        (|it| it.throttle(f64::NAN), Kind::Throttle, "throttle"),
        (|it| it.throttle(f64::INFINITY), Kind::Throttle, "throttle"),
        (BreakerBuilder::no_failure_rate, Kind::NoRule, "rule"),
        (|it| it.open_for(std::iter::empty()), Kind::OpenTimes, "open_for"),
    ];
    for (set, kind, word) in cases {
        let error = set(Breaker::builder("orders")).build().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.breaker(), "orders");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_settings_work() {
    let breaker = builder()
        .buckets(256)
        .probes(16)
        .successes_to_close(255)
        .open_for(Backoff::exponential(Duration::MAX, Duration::MAX))
        .max_retry_after(Duration::MAX)
        .probe_lease(Duration::MAX)
        .stream_after(Duration::MAX)
        .abandon_after(Duration::MAX)
        .recover_over(Duration::MAX)
        .build()
        .unwrap();
    trip(&breaker);
    secs(3_600).await;
    assert!(breaker.try_acquire().is_err());
    breaker.reset();

    let breaker = builder().probes(16).successes_to_close(255).build().unwrap();
    half_open(&breaker).await;
    let probes: Vec<_> = std::iter::from_fn(|| breaker.try_acquire().ok()).collect();
    assert_eq!(probes.len(), 16);
    drop(probes);
    calls(&breaker, &"+".repeat(255));
    assert_eq!(breaker.state().as_str(), "closed");
}
