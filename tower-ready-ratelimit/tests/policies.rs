//! What policies promise when they look on, are swapped, or have their plans fetched.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    CachedPlans, Head, KeyHash, MemoryStore, Policy, Quota, RateLimiter, Settle,
    store::{Change, Demand, Reading, Store, Taking},
};

fn limiter(policies: impl IntoIterator<Item = Policy>) -> RateLimiter {
    let builder = RateLimiter::builder().keys(100);
    policies.into_iter().fold(builder, |builder, policy| builder.policy(policy)).build().unwrap()
}

async fn call(limiter: &RateLimiter) -> StatusCode {
    let service = limiter.layer().layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("good"))))
    }));
    service.oneshot(Request::new(())).await.unwrap().status()
}

/// A plan of ten an hour for everybody, and how often it was asked for.
fn plans(lifetime: Duration) -> (impl tower_ready_ratelimit::Plans, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&fetches);
    let plans = CachedPlans::new(
        lifetime,
        10,
        |_: &Head<'_>| Some(1),
        move |_| {
            counted.fetch_add(1, Relaxed);
            async {
                tokio::task::yield_now().await;
                Some(Quota::per_hour(10))
            }
        },
    );
    (plans, fetches)
}

// === shadow mode ===

#[tokio::test]
async fn a_policy_in_shadow_mode_counts_the_answers_that_it_would() {
    let failed = Policy::new("failed", Quota::per_hour(3)).counts(|it| it.is_server_error());
    let bytes = Policy::new("bytes", Quota::per_hour(100)).cost(|_| 50).settle(Settle::Bytes);
    let limiter = limiter([failed.shadow(true), bytes.shadow(true)]);
    for _ in 0..10 {
        assert_eq!(call(&limiter).await, StatusCode::OK);
    }
    for policy in ["failed", "bytes"] {
        let stats = limiter.stats(policy).unwrap();
        assert_eq!((stats.allowed, stats.would_refuse), (10, 0), "{policy}");
    }
    assert_eq!(limiter.bucket("failed", |_| {}).unwrap().level().remaining(), 3);
}

#[tokio::test]
async fn a_policy_in_shadow_mode_knows_the_plans_that_it_would() {
    let (plans, fetches) = plans(Duration::from_secs(600));
    let limiter = limiter([Policy::new("plan", Quota::per_hour(1)).plans(plans).shadow(true)]);
    for _ in 0..12 {
        assert_eq!(call(&limiter).await, StatusCode::OK);
    }
    let stats = limiter.stats("plan").unwrap();
    assert_eq!((stats.allowed, stats.would_refuse), (10, 2));
    assert_eq!(fetches.load(Relaxed), 1);
}

// === plans ===

#[tokio::test]
async fn every_plan_is_known_before_the_first_request_is_decided() {
    let costly = |name: &'static str| {
        let (plans, fetches) = plans(Duration::from_secs(600));
        (Policy::new(name, Quota::per_hour(1)).cost(|_| 2).plans(plans), fetches)
    };
    let (one, fetches_of_one) = costly("one");
    let (other, fetches_of_other) = costly("other");
    let limiter = limiter([one, other]);
    // Without its plan neither would let anything pass.
    for _ in 0..3 {
        assert_eq!(call(&limiter).await, StatusCode::OK);
    }
    assert_eq!((fetches_of_one.load(Relaxed), fetches_of_other.load(Relaxed)), (1, 1));
}

#[tokio::test]
async fn a_plan_that_nobody_remembers_still_holds_for_its_request() {
    let (plans, _) = plans(Duration::ZERO);
    let limiter = limiter([Policy::new("plan", Quota::per_hour(1)).cost(|_| 2).plans(plans)]);
    assert_eq!(call(&limiter).await, StatusCode::OK);
}

// === numbers ===

#[tokio::test]
async fn a_policy_of_permits_counts_who_passed() {
    let quota = Policy::new("quota", Quota::per_hour(2));
    let limiter = limiter([Policy::concurrent("calls", 1), quota]);
    for status in [200, 200, 429] {
        assert_eq!(call(&limiter).await, status);
    }
    let stats = limiter.stats("calls").unwrap();
    assert_eq!((stats.allowed, stats.refused), (2, 0), "the third was refused by the other");
}

// === swaps ===

const START: Instant = Instant::from_nanos(1 << 50);
const DAILY: Quota = Quota::per_day(1);
const FAST: Quota = Quota::per_second(100);

fn demand(number: u128, quota: &Quota) -> Demand<'_> {
    Demand::new(KeyHash::from_bits(number << 125 | number << 60 | number), quota)
}

#[test]
fn whoever_waited_for_the_old_quota_passes_when_the_new_one_says_so() {
    for others in 0..8u128 {
        let store = MemoryStore::new(100).unwrap();
        let take = |now: Instant, demand_of_one: Demand<'_>| {
            let mut set = vec![demand_of_one];
            set.extend((0..others).map(|other| demand(2 + other, &FAST)));
            let mut readings = vec![Reading::default(); set.len()];
            let taking = store.take(now, &set, &mut readings);
            (matches!(taking, Taking::Done(true)), readings[0].level(now, &set[0]))
        };
        let swapped = demand(1, &FAST).swapped(true);
        assert!(take(START, demand(1, &DAILY)).0);
        let (taken, level) = take(START, swapped);
        let wait = level.wait(1).unwrap();
        assert!(!taken && wait <= Duration::from_millis(1_010), "{wait:?}");
        assert!(!take(START + wait - Duration::from_nanos(1), swapped).0);
        assert!(take(START + wait, swapped).0, "after {wait:?}, with {others} others");
    }
}

#[test]
fn who_has_two_plans_wipes_nothing_out_by_the_one_that_it_owes_to_the_other() {
    let store = MemoryStore::new(100).unwrap();
    assert!(store.check(START, &demand(1, &DAILY)).is_ok());
    for millis in [0, 500, 1_500, 5_000] {
        let now = START + Duration::from_millis(millis);
        let level = store.check(now, &demand(1, &FAST)).unwrap_err();
        let (wait, day) = (level.wait(1).unwrap(), Duration::from_secs(86_400));
        assert!(wait > day - Duration::from_secs(7), "it is told how long that takes: {wait:?}");
        store.adjust(now, &demand(1, &FAST).units(0), Change::Refund);
        assert!(store.check(now, &demand(1, &DAILY)).is_err());
    }
}

#[cfg(feature = "test-util")]
#[tokio::test(start_paused = true)]
async fn a_swap_frees_whoever_is_in_debt_to_the_old_quota() {
    let limiter = limiter([Policy::new("caller", DAILY)]);
    assert_eq!(call(&limiter).await, StatusCode::OK);
    assert_eq!(call(&limiter).await, StatusCode::TOO_MANY_REQUESTS);
    limiter.swap_quota("caller", FAST).unwrap();
    assert_eq!(call(&limiter).await, StatusCode::TOO_MANY_REQUESTS, "it hands out no burst");
    tokio::time::advance(Duration::from_millis(1_010)).await;
    assert_eq!(call(&limiter).await, StatusCode::OK);
}
