//! What is decided, and what is kept for that.

use std::time::Duration;

use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    Policy, Quota, RateLimiter, Secret, key,
    store::{Demand, redis::Mode},
};
use tower_ready_testing::redis::Redis;

use super::support::{SECRET, connect, number, passes, patient, take, take_at};

#[tokio::test]
async fn whoever_is_refused_pays_nothing_and_passes_when_it_was_told() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    let (big, small) = (Quota::per_hour(100), Quota::per_second(10));
    let set = |units| {
        [Demand::new(number(1), &big).units(units), Demand::new(number(2), &small).units(units)]
    };
    assert!(take(&store, &set(8)).await.unwrap().0);
    let now = Instant::now();
    let (taken, readings) = take_at(&store, now, &set(8)).await.unwrap();
    assert!(!taken && readings[0].had_enough() && !readings[1].had_enough());
    assert_eq!(readings[0].level(now, &set(8)[0]).remaining(), 92, "untouched");
    // Ten a second: of ten were taken eight, so six are missing.
    let wait = readings[1].level(now, &set(8)[1]).wait(8).unwrap();
    assert!(wait > Duration::from_millis(300) && wait <= Duration::from_millis(600), "{wait:?}");
    tokio::time::sleep(wait).await;
    assert!(take(&store, &set(8)).await.unwrap().0);
    assert_eq!(store.peek(&set(0)[0]).await.unwrap().remaining(), 84);
}

#[tokio::test]
async fn who_costs_nothing_looks_and_who_costs_more_than_a_burst_never_passes() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    let quota = Quota::per_hour(5);
    let demand = Demand::new(number(1), &quota);
    assert!(passes(&store, demand.units(0)).await);
    assert_eq!(redis.cli(&["DBSIZE"]), "1", "only the instances");
    assert!(passes(&store, demand.units(5)).await);
    assert!(passes(&store, demand.units(0)).await);
    for units in [6, 1 << 40, u64::MAX] {
        let now = Instant::now();
        let (taken, readings) = take_at(&store, now, &[demand.units(units)]).await.unwrap();
        assert!(!taken);
        assert_eq!(readings[0].level(now, &demand).wait(units), None);
    }
}

#[tokio::test]
async fn a_bucket_can_be_charged_refunded_reset_and_swapped() {
    let redis = Redis::start();
    for mode in [Mode::Exact, Mode::Leased] {
        let store = connect(&redis, patient().mode(mode)).await;
        let quota = Quota::per_hour(360_000).burst(1_000);
        let limiter = RateLimiter::builder()
            .policy(Policy::new("all", quota).debt(50))
            .secret(Secret::random())
            .with_store(store)
            .build()
            .unwrap();
        let bucket = limiter.bucket("all", |_| {}).unwrap();
        let until = async |left: std::ops::RangeInclusive<u64>| {
            for _ in 0..1_000 {
                if left.contains(&bucket.level().await.unwrap().remaining()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            panic!("{left:?}: {}", bucket.level().await.unwrap().remaining());
        };
        assert_eq!(bucket.level().await.unwrap().remaining(), 1_000);
        bucket.charge(400);
        until(600..=700).await;
        bucket.grant(100);
        until(700..=800).await;
        bucket.charge(5_000);
        until(0..=60).await;
        // The time until it is full stays: ten seconds and a half of ten at most.
        limiter.swap_quota("all", Quota::per_hour(36_000).burst(100)).unwrap();
        assert!(bucket.level().await.unwrap().remaining() < 10);
        bucket.reset();
        until(100..=100).await;
    }
}

#[tokio::test]
async fn whoever_waited_for_the_old_quota_passes_when_the_new_one_says_so() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    let (daily, fast) = (Quota::per_day(1), Quota::per_second(1_000));
    assert!(passes(&store, Demand::new(number(1), &daily)).await);
    assert!(!passes(&store, Demand::new(number(1), &fast)).await, "another plan is no swap");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!passes(&store, Demand::new(number(1), &fast)).await, "and frees nobody later");
    let mut has_passed = false;
    for _ in 0..1_000 {
        has_passed = passes(&store, Demand::new(number(1), &fast).swapped(true)).await;
        if has_passed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(has_passed, "five thousand units came back in the meantime");
}

#[tokio::test]
async fn a_rate_that_does_not_divide_is_exact_in_redis_too() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    // 1/3 of a nanosecond on the third place; the bucket does not refill in the time of a test.
    let quota = Quota::new(7, Duration::from_secs(86_400)).burst(3);
    let demand = Demand::new(number(1), &quota);
    for left in [2, 1, 0] {
        let now = Instant::now();
        let (taken, readings) = take_at(&store, now, &[demand]).await.unwrap();
        assert!(taken);
        assert_eq!(readings[0].level(now, &demand).remaining(), left);
    }
    assert!(!passes(&store, demand).await);
    let name = store.name(&demand);
    let stored = redis.cli(&["GET", &name]);
    assert_eq!(stored.split(' ').count(), 3, "{stored}");
    let life: u64 = redis.cli(&["PTTL", &name]).parse().unwrap();
    let full = 3 * 86_400_000 / 7;
    assert!(life <= full + 1 && life > full - 60_000, "{life}");
}

#[tokio::test]
async fn redis_may_forget_its_scripts() {
    let redis = Redis::start();
    for mode in [Mode::Exact, Mode::Leased] {
        let store = connect(&redis, patient().mode(mode)).await;
        let quota = Quota::per_hour(1_000_000);
        let before = store.stats();
        for caller in 1..=3 {
            redis.cli(&["SCRIPT", "FLUSH"]);
            assert!(passes(&store, Demand::new(number(caller), &quota)).await);
        }
        let stats = store.stats();
        assert!(stats.reloads >= 3 && stats.failures == before.failures, "{stats:?}");
    }
}

#[tokio::test]
async fn names_do_not_get_into_redis() {
    let redis = Redis::start();
    let store = connect(&redis, patient().prefix("my-app")).await;
    let limiter = RateLimiter::builder()
        .policy(Policy::new("burst", Quota::per_minute(5)).key(key::Address::peer()))
        .policy(Policy::new("daily", Quota::per_day(5)).key(key::Address::peer()))
        .secret(SECRET)
        .with_store(store)
        .build()
        .unwrap();
    let names = ["burst", "daily"]
        .map(|policy| limiter.bucket(policy, |key| key.put(b"198.51.100.7")).unwrap().name());
    let tag = |name: &str| name.split(['{', '}']).nth(1).unwrap().to_owned();
    assert_eq!(tag(&names[0]), tag(&names[1]), "a cluster keeps them in one place");
    assert_ne!(names[0], names[1]);
    for name in names {
        assert!(name.starts_with("my-app:{") && !name.contains("198"), "{name}");
    }
}
