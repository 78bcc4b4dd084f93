//! What a bucket takes of Redis's memory.

use tower_ready_ratelimit::{Quota, store::redis::Mode};
use tower_ready_testing::redis::Redis;

/// Buckets of which the mean is taken.
const CALLERS: u64 = 10_000;

/// Memory of all buckets by what `used_memory` grows, and of one by `MEMORY USAGE`.
pub(crate) async fn measure() {
    println!("\n## Memory in Redis for {CALLERS} buckets\n");
    println!("| | instances | bytes each, of used_memory | MEMORY USAGE |");
    println!("|---|---:|---:|---:|");
    // Of the second a unit takes no whole number of microseconds, so that more is kept.
    let quotas = [("100/h", Quota::per_hour(100)), ("7/h", Quota::per_hour(7))];
    for (name, quota) in quotas {
        row(&format!("exact, {name}"), Mode::Exact, 1, quota).await;
    }
    for instances in [1, 2, 4] {
        let quota = Quota::per_second(10).burst(100_000);
        row("leased", Mode::Leased, instances, quota).await;
    }
}

async fn row(name: &str, mode: Mode, instances: usize, quota: Quota) {
    let redis = Redis::start();
    let mut stores = Vec::new();
    for _ in 0..instances {
        stores.push(super::connect(&redis, mode).await);
    }
    // Scripts and connections are there before.
    for store in &stores {
        super::take(store, CALLERS, &quota).await;
    }
    let before = used(&redis);
    for caller in 0..CALLERS {
        for store in &stores {
            assert_eq!(super::take(store, caller, &quota).await, Some(true));
        }
    }
    let each = (used(&redis) - before) as f64 / CALLERS as f64;
    let demand = tower_ready_ratelimit::store::Demand::new(super::key(0), &quota);
    let one = redis.cli(&["MEMORY", "USAGE", &stores[0].name(&demand)]);
    println!("| {name} | {instances} | {each:.0} | {one} |");
}

fn used(redis: &Redis) -> u64 {
    let info = redis.cli(&["INFO", "memory"]);
    let used = info.lines().find_map(|line| line.trim().strip_prefix("used_memory:"));
    used.and_then(|used| used.parse().ok()).expect("Redis says so")
}
