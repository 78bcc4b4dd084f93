//! Redis has less memory than there are callers.

use std::time::Duration;

use tokio::task::JoinSet;
use tower_ready_ratelimit::{
    Quota,
    store::{Demand, redis::RedisStore},
};
use tower_ready_testing::redis::Redis;

use super::support::{connect, number, patient, take};

const BURST: u64 = 10;
const QUOTA: Quota = Quota::per_day(BURST);

/// Leaves room for some thousand buckets. How many bytes Redis may take then.
fn little_memory(redis: &Redis, policy: &str) -> String {
    let info = redis.cli(&["INFO", "memory"]);
    let used = info.lines().find_map(|line| line.trim().strip_prefix("used_memory:")).unwrap();
    let most = used.parse::<u64>().unwrap() + 1_000_000;
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", policy]);
    let most = most.to_string();
    redis.cli(&["CONFIG", "SET", "maxmemory", &most]);
    most
}

/// What Redis says as soon as it says anything: at its limit it refuses a script now and then, though
/// it may evict.
async fn decided(store: &RedisStore, demand: Demand<'_>) -> bool {
    for _ in 0..3_000 {
        if let Ok((taken, _)) = take(store, &[demand]).await {
            return taken;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", store.stats());
}

#[tokio::test]
async fn each_eviction_of_a_key_admits_a_burst_at_most() {
    let redis = Redis::start();
    let caller = Demand::new(number(1), &QUOTA);
    let mut others = 2..;
    let (mut admitted, mut evicted) = (0, 0);
    let crowd = connect(&redis, patient()).await;
    let most = little_memory(&redis, "allkeys-lru");
    for _ in 0..3 {
        // While this one asks nobody is evicted, so that each time that it is can be counted.
        redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
        // A new instance, which remembers no refusal.
        let store = connect(&redis, patient()).await;
        for _ in 0..2 * BURST {
            admitted += u64::from(decided(&store, caller).await);
        }
        assert_eq!(admitted, BURST * (evicted + 1));
        redis.cli(&["CONFIG", "SET", "maxmemory", &most]);
        // Others come until there is no room for this one any more.
        while redis.cli(&["EXISTS", &store.name(&caller)]) == "1" {
            let mut takes = JoinSet::new();
            for other in others.by_ref().take(50) {
                let crowd = crowd.clone();
                takes.spawn(
                    async move { decided(&crowd, Demand::new(number(other), &QUOTA)).await },
                );
            }
            assert!(takes.join_all().await.into_iter().all(|passed| passed));
            assert!(others.start < 100_000, "nobody is evicted");
        }
        evicted += 1;
    }
}

#[tokio::test]
async fn a_redis_that_may_not_evict_fails_and_forgets_nobody() {
    let redis = Redis::start();
    let demand = |caller: usize| Demand::new(number(caller as u128), &QUOTA);
    let store = connect(&redis, patient()).await;
    little_memory(&redis, "noeviction");
    let mut admitted = Vec::new();
    while let Ok((true, _)) = take(&store, &[demand(admitted.len())]).await {
        admitted.push(store.name(&demand(admitted.len())));
        assert!(admitted.len() < 100_000, "there is room for all");
    }
    assert!(store.stats().failures > 0 && admitted.len() > 100, "{:?}", store.stats());
    for name in admitted {
        assert_eq!(redis.cli(&["EXISTS", &name]), "1");
    }
}
