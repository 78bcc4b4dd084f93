//! What the scenarios share: a window of ten seconds in ten buckets, a rate of 0.5 from ten calls
//! on, five seconds open without jitter, one probe, closed after two.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_ready_breaker::{Breaker, BreakerBuilder, Change, Event, Reason};

pub(crate) const OPEN: Duration = Duration::from_secs(5);

pub(crate) fn builder() -> BreakerBuilder {
    Breaker::builder("orders")
        .window(Duration::from_secs(10))
        .buckets(10)
        .failure_rate(0.5)
        .min_calls(10)
        .open_for([OPEN])
        .probes(1)
        .successes_to_close(2)
}

pub(crate) fn breaker() -> Breaker {
    builder().build().unwrap()
}

pub(crate) async fn advance(time: Duration) {
    tokio::time::advance(time).await;
}

pub(crate) async fn secs(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
}

/// Calls that succeed and fail, as a string of `+` and `-`.
pub(crate) fn calls(breaker: &Breaker, outcomes: &str) {
    for outcome in outcomes.chars() {
        let permit = breaker.try_acquire().expect("the circuit lets calls through");
        match outcome {
            '+' => permit.success(),
            '-' => permit.failure(),
            _ => permit.ignore(),
        }
    }
}

pub(crate) fn oks(breaker: &Breaker, count: usize) {
    calls(breaker, &"+".repeat(count));
}

pub(crate) fn failures(breaker: &Breaker, count: usize) {
    calls(breaker, &"-".repeat(count));
}

/// Opens a circuit by ten failures.
pub(crate) fn trip(breaker: &Breaker) {
    failures(breaker, 10);
    assert!(breaker.try_acquire().is_err());
}

/// Opens a circuit and waits until it may be tried.
pub(crate) async fn half_open(breaker: &Breaker) {
    trip(breaker);
    advance(OPEN).await;
}

/// What a breaker tells.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<Change>>>);

impl Told {
    pub(crate) fn hear(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let told = self.clone();
        move |event: &Event<'_>| told.0.lock().unwrap().push(event.change)
    }

    pub(crate) fn changes(&self) -> Vec<Change> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn words(&self) -> Vec<&'static str> {
        self.changes().into_iter().map(Change::as_str).collect()
    }

    pub(crate) fn last_opening(&self) -> Option<(Reason, Duration)> {
        self.changes().into_iter().rev().find_map(|change| match change {
            Change::Opened { reason, open_for, .. } => Some((reason, open_for)),
            _ => None,
        })
    }

    pub(crate) fn open_times(&self) -> Vec<u64> {
        let changes = self.changes().into_iter();
        changes
            .filter_map(|change| match change {
                Change::Opened { open_for, .. } => Some(open_for.as_secs()),
                _ => None,
            })
            .collect()
    }
}
