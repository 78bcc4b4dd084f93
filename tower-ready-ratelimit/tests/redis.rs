//! Limits that instances share over Redis, on every host and by the store itself.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    KeyHash, OnStoreError, Policy, Quota, RateLimiter, Secret, key,
    store::{
        Demand, Reading, Store, StoreError, Taking,
        redis::{Mode, RedisClient, RedisStore, RedisStoreBuilder},
    },
};
use tower_ready_testing::{Call, alloc, each_host, redis::Redis};

/// Patient enough for a machine that does many other things.
fn patient() -> RedisStoreBuilder {
    RedisStore::builder().deadline(Duration::from_secs(5)).lease(Duration::from_secs(20))
}

async fn connect(redis: &Redis, builder: RedisStoreBuilder) -> RedisStore {
    builder.connect(RedisClient::server(redis.url()).unwrap()).await.unwrap()
}

/// What a store says of a set.
async fn take(
    store: &RedisStore,
    demands: &[Demand<'_>],
) -> Result<(bool, Vec<Reading>), StoreError> {
    take_at(store, Instant::now(), demands).await
}

async fn take_at(
    store: &RedisStore,
    now: Instant,
    demands: &[Demand<'_>],
) -> Result<(bool, Vec<Reading>), StoreError> {
    let mut readings = vec![Reading::default(); demands.len()];
    match store.take(now, demands, &mut readings) {
        Taking::Done(taken) => Ok((taken, readings)),
        Taking::Trip(trip) => {
            let readings = trip.await?;
            Ok((readings.iter().all(Reading::had_enough), readings))
        }
    }
}

async fn passes(store: &RedisStore, demand: Demand<'_>) -> bool {
    take(store, &[demand]).await.unwrap().0
}

fn key(number: u128) -> KeyHash {
    KeyHash::from_bits(number << 64 | number)
}

const SECRET: Secret = Secret::new(*b"sixteen bytes ok");

each_host! {
    async fn instances_share_a_quota(host) {
        let redis = Redis::start();
        let api_key = HeaderName::from_static("x-api-key");
        let mut servers = Vec::new();
        for _ in 0..2 {
            let limiter = RateLimiter::builder()
                .policy(Policy::new("caller", Quota::per_hour(3)).key(key::header(api_key.clone())))
                .policy(Policy::new("all", Quota::per_hour(5)))
                .secret(SECRET)
                .with_store(connect(&redis, patient()).await)
                .build()
                .unwrap();
            servers.push(host.serve(limiter.layer()).await);
        }
        let call = |name: &str| Call::ok().header("x-api-key", name);
        for (server, left) in [(0, 2), (1, 1), (0, 0)] {
            let reply = servers[server].call(call("alice")).await;
            reply.assert_ok();
            let fields = reply.header("ratelimit").unwrap();
            assert!(fields.starts_with(&format!(r#""caller";r={left};"#)), "{fields}");
        }
        for server in &servers {
            let reply = server.call(call("alice")).await;
            reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        }
        // Nothing was debited for them: two are left for others.
        servers[1].call(call("bob")).await.assert_ok();
        servers[0].call(call("carol")).await.assert_ok();
        servers[0].call(call("dave")).await.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
    }

    async fn without_redis_each_policy_does_what_it_says(host) {
        let mut redis = Redis::start();
        for (choice, passing) in
            [(OnStoreError::Share, 2), (OnStoreError::Allow, 6), (OnStoreError::Deny, 0)]
        {
            let store = connect(&redis, patient().instances(2)).await;
            let limiter = RateLimiter::builder()
                .policy(Policy::new("all", Quota::per_hour(4)).on_store_error(choice))
                .secret(Secret::random())
                .with_store(store)
                .build()
                .unwrap();
            let server = host.serve(limiter.layer()).await;
            redis.kill();
            for number in 0..6 {
                let reply = server.call(Call::ok()).await;
                if number < passing {
                    reply.assert_ok();
                } else {
                    reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
                }
            }
            assert_eq!(limiter.stats("all").unwrap().degraded, 6);
            redis.restart();
        }
    }
}

#[tokio::test]
async fn whoever_is_refused_pays_nothing_and_passes_when_it_was_told() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    let (big, small) = (Quota::per_hour(100), Quota::per_second(10));
    let set =
        |units| [Demand::new(key(1), &big).units(units), Demand::new(key(2), &small).units(units)];
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
    let demand = Demand::new(key(1), &quota);
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
async fn a_rate_that_does_not_divide_is_exact_in_redis_too() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    // 1/3 of a nanosecond on the third place; the bucket does not refill in the time of a test.
    let quota = Quota::new(7, Duration::from_secs(86_400)).burst(3);
    let demand = Demand::new(key(1), &quota);
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
        for number in 1..=3 {
            redis.cli(&["SCRIPT", "FLUSH"]);
            assert!(passes(&store, Demand::new(key(number), &quota)).await);
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

#[tokio::test]
async fn requests_of_one_caller_share_trips() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    let quota = Quota::per_hour(150);
    let demand = Demand::new(key(1), &quota);
    let before = store.stats();
    let mut trips = Vec::new();
    for _ in 0..200 {
        let mut readings = [Reading::default()];
        match store.take(Instant::now(), &[demand], &mut readings) {
            Taking::Trip(trip) => trips.push(trip),
            Taking::Done(_) => panic!("nobody knows yet"),
        }
    }
    let mut admitted = 0;
    for trip in trips {
        admitted += usize::from(trip.await.unwrap()[0].had_enough());
    }
    assert_eq!(admitted, 150);
    // Beats may come in between.
    let stats = store.stats();
    assert!(stats.trips - before.trips <= 5, "{stats:?}");
    // And what is known takes none.
    assert!(!passes(&store, demand).await);
    assert_eq!(store.stats().known, 1);
}

#[tokio::test]
async fn whoever_leaves_before_its_trip_does_not_pay() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    let quota = Quota::per_hour(100);
    let demand = Demand::new(key(1), &quota);
    redis.pause();
    let mut readings = [Reading::default()];
    let mut trip = || match store.take(Instant::now(), &[demand], &mut readings) {
        Taking::Trip(trip) => trip,
        Taking::Done(_) => panic!("it is paused"),
    };
    let first = trip();
    // It is under way, and these wait for the next.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (second, third) = (trip(), trip());
    drop(second);
    redis.resume();
    assert!(first.await.unwrap()[0].had_enough() && third.await.unwrap()[0].had_enough());
    assert_eq!(store.peek(&demand).await.unwrap().remaining(), 98);
}

#[tokio::test]
async fn busy_callers_are_leased_to_and_a_drain_gives_back() {
    let redis = Redis::start();
    let store = connect(&redis, patient().mode(Mode::Leased)).await;
    let quota = Quota::per_hour(3_600_000).burst(10_000);
    let demand = Demand::new(key(1), &quota);
    for _ in 0..2_000 {
        assert!(passes(&store, demand).await);
    }
    let stats = store.stats();
    assert!(stats.held > 1_000 && stats.trips < 200, "{stats:?}");
    let before = store.peek(&demand).await.unwrap().remaining();
    store.drain().await;
    let after = store.peek(&demand).await.unwrap().remaining();
    assert!(after > before && after >= 8_000, "{before} {after}");
    assert!(passes(&store, demand).await, "it goes on without leases");
    assert_eq!(redis.cli(&["ZCARD", "tr:instances"]), "0");
}

#[tokio::test]
async fn what_is_held_is_taken_without_an_allocation() {
    let redis = Redis::start();
    let store = connect(&redis, patient().mode(Mode::Leased)).await;
    let quota = Quota::per_hour(3_600_000).burst(100_000);
    let demand = Demand::new(key(1), &quota);
    let mut readings = [Reading::default()];
    for _ in 0..10_000 {
        let now = Instant::now();
        let (taking, allocations) = alloc::counted(|| store.take(now, &[demand], &mut readings));
        match taking {
            // Now and then one of them asks for more, in the background.
            Taking::Done(taken) if allocations.count == 0 => {
                assert!(taken && readings[0].level(now, &demand).remaining() > 80_000);
                return;
            }
            Taking::Done(_) => {}
            Taking::Trip(trip) => drop(trip.await.unwrap()),
        }
    }
    panic!("{:?}", store.stats());
}

#[tokio::test]
async fn a_small_quota_is_never_leased() {
    let redis = Redis::start();
    let store = connect(&redis, patient().mode(Mode::Leased)).await;
    let quota = Quota::per_hour(50);
    let mut admitted = 0;
    for _ in 0..100 {
        admitted += usize::from(passes(&store, Demand::new(key(1), &quota)).await);
    }
    assert_eq!((admitted, store.stats().held), (50, 0));
}

#[tokio::test]
async fn instances_learn_how_many_they_are() {
    let redis = Redis::start();
    let one = connect(&redis, patient()).await;
    assert_eq!(one.stats().instances, 1);
    let two = connect(&redis, patient()).await;
    let three = connect(&redis, patient()).await;
    assert_eq!(three.stats().instances, 3);
    let until = async |instances| {
        for _ in 0..1_000 {
            if one.stats().instances == instances {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", one.stats());
    };
    until(3).await;
    two.drain().await;
    until(2).await;
    // Nobody says that it left: it is forgotten.
    drop(three);
    until(1).await;
}

#[tokio::test]
async fn a_store_begins_without_redis_and_finds_it_later() {
    let mut redis = Redis::start();
    redis.kill();
    let store = connect(&redis, patient()).await;
    let quota = Quota::per_hour(10);
    let demand = Demand::new(key(1), &quota);
    assert!(take(&store, &[demand]).await.is_err());
    assert!(store.stats().is_out && store.stats().outages == 1);
    redis.restart();
    for _ in 0..1_000 {
        if take(&store, &[demand]).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", store.stats());
}

#[tokio::test]
async fn a_cluster_keeps_what_belongs_together_and_asks_apart_for_the_rest() {
    let name = format!("tower-ready-{}.conf", std::process::id());
    let redis = Redis::start_with(&["--cluster-enabled", "yes", "--cluster-config-file", &name]);
    redis.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    while !redis.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let client = RedisClient::cluster([redis.url()]).unwrap();
    let store = patient().connect(client).await.unwrap();
    let (much, little) = (Quota::per_hour(100), Quota::per_hour(3));
    let [one, other] = [1, 2].map(|number| Demand::new(key(number), &much));
    let third = Demand::new(key(3), &little);
    // Two buckets of one caller, and those of others.
    let same = Demand::new(KeyHash::from_bits(one.key.to_bits() + 1), &little);
    for left in [2, 1, 0] {
        assert!(take(&store, &[one, same]).await.unwrap().0);
        assert_eq!(store.peek(&same).await.unwrap().remaining(), left);
        assert!(take(&store, &[third, other, one]).await.unwrap().0);
    }
    assert!(!take(&store, &[one, same]).await.unwrap().0);
    assert!(!take(&store, &[third, other, one]).await.unwrap().0);
    assert_eq!(store.peek(&one).await.unwrap().remaining(), 94, "nobody pays who is refused");
    assert_eq!(store.peek(&other).await.unwrap().remaining(), 97);
    let _ = std::fs::remove_file(std::env::temp_dir().join(name));
}
