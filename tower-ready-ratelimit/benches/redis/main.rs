//! What a decision costs that instances share, beside what others do with one command.
//!
//! `cargo bench -p tower-ready-ratelimit --features redis --bench redis`, and with one of `decisions`,
//! `outage`, `utilisation`, `sizes` behind `--` that part only.
//!
//! Client and server share the machine, so the figures compare only with one another.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and reports its own failures by panicking"
)]

mod load;
mod peers;
mod sizes;

use std::time::Duration;

use load::{Measured, measure};
use peers::Call;
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    KeyHash, OnStoreError, Policy, Quota, RateLimiter, Secret,
    store::{
        Demand, Reading, Store, Taking,
        redis::{Mode, RedisClient, RedisStore},
    },
};
use tower_ready_testing::redis::Redis;

const PLENTY: Quota = Quota::per_second(10_000_000).burst(10_000_000);
const LITTLE: Quota = Quota::per_hour(10);
const TASKS: [usize; 3] = [1, 16, 64];
const WHILE: Duration = Duration::from_millis(1_500);

fn main() {
    // Cargo passes `--bench`, and `cargo test --benches` does not: then there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(async {
        if is_wanted("decisions") {
            decisions().await;
        }
        if is_wanted("outage") {
            outage().await;
        }
        if is_wanted("utilisation") {
            utilisation().await;
        }
        if is_wanted("sizes") {
            sizes::measure().await;
        }
    });
}

/// Whether a part was asked for, or none in particular.
fn is_wanted(part: &str) -> bool {
    let mut parts = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).peekable();
    parts.peek().is_none() || parts.any(|it| it == part)
}

async fn connect(redis: &Redis, mode: Mode) -> RedisStore {
    let client = RedisClient::server(redis.url()).unwrap();
    RedisStore::builder()
        .mode(mode)
        .deadline(Duration::from_secs(5))
        .lease(Duration::from_secs(20))
        .connect(client)
        .await
        .unwrap()
}

fn key(number: u64) -> KeyHash {
    let low = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    KeyHash::from_bits(u128::from(low ^ low >> 31) << 64 | u128::from(low))
}

/// Whether one unit was there.
async fn take(store: &RedisStore, caller: u64, quota: &Quota) -> Option<bool> {
    let demand = Demand::new(key(caller), quota);
    let mut readings = [Reading::default()];
    match store.take(Instant::now(), &[demand], &mut readings) {
        Taking::Done(taken) => Some(taken),
        Taking::Trip(trip) => trip.await.ok().map(|readings| readings[0].had_enough()),
    }
}

async fn decisions() {
    println!("## decisions\n");
    println!("| | tasks | decisions/s | p50 µs | p99 µs | p99.9 µs | decisions/trip |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let redis = Redis::start();
    for (name, script) in [
        ("[INCR]", None),
        ("[GCRA script]", Some(peers::GCRA)),
        ("[windows script]", Some(peers::WINDOW)),
    ] {
        let peer = peers::Peer::connect(&redis.url(), script).await;
        for tasks in TASKS {
            let peer = peer.clone();
            let run = measure(tasks, WHILE, move |number| {
                let peer = peer.clone();
                async move { peer.call(number % 1_000).await }
            });
            row(name, tasks, &run.await, None);
        }
    }
    for (name, mode, callers, quota) in [
        ("exact, 1,000 callers", Mode::Exact, 1_000, PLENTY),
        ("exact, 1 caller (batched)", Mode::Exact, 1, PLENTY),
        ("exact, 1 caller, refused", Mode::Exact, 1, LITTLE),
        ("leased, 1,000 callers", Mode::Leased, 1_000, PLENTY),
        ("leased, 1 caller", Mode::Leased, 1, PLENTY),
    ] {
        for tasks in TASKS {
            redis.cli(&["FLUSHALL"]);
            let store = connect(&redis, mode).await;
            let before = store.stats();
            let shared = store.clone();
            let run = measure(tasks, WHILE, move |number| {
                let store = shared.clone();
                async move {
                    // On a machine that does many other things some take too long.
                    let _ = take(&store, number % callers, &quota).await;
                }
            });
            let measured = run.await;
            let after = store.stats();
            let trips = (after.trips - before.trips).max(1) as f64;
            let decisions = (after.decisions - before.decisions) as f64;
            row(name, tasks, &measured, Some(decisions / trips));
            store.drain().await;
        }
    }
    for tasks in TASKS {
        let governor = peers::governor();
        let run = measure(tasks, WHILE, move |_| {
            let mut governor = governor.clone();
            async move { governor.call().await }
        });
        row("[tower_governor, in memory]", tasks, &run.await, None);
    }
}

fn row(name: &str, tasks: usize, measured: &Measured, per_trip: Option<f64>) {
    let Measured { each_second, p50, p99, p999 } = measured;
    let per_trip = per_trip.map_or_else(String::new, |it| format!("{it:.1}"));
    println!(
        "| {name} | {tasks} | {each_second:.0} | {p50:.1} | {p99:.1} | {p999:.1} | {per_trip} |"
    );
}

/// How long requests take that pass while Redis is gone.
async fn outage() {
    println!("\n## Redis is killed, or hangs: requests that pass, deadline 30 ms\n");
    println!("| | passed | p50 ms | p99 ms | longest ms |");
    println!("|---|---:|---:|---:|---:|");
    for (name, choice, kills) in [
        ("killed, share", OnStoreError::Share, true),
        ("killed, allow", OnStoreError::Allow, true),
        ("hangs, share", OnStoreError::Share, false),
        ("hangs, allow", OnStoreError::Allow, false),
    ] {
        let mut redis = Redis::start();
        let limiter = RateLimiter::builder()
            .policy(Policy::new("all", PLENTY).on_store_error(choice))
            .secret(Secret::random())
            .with_store(RedisStore::connect(&redis.url()).await.unwrap())
            .build()
            .unwrap();
        let latencies = load::passes(&limiter, 16, Duration::from_secs(4), move || {
            if kills {
                redis.kill();
            } else {
                redis.pause();
            }
            redis
        });
        let latencies = latencies.await;
        let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize] * 1e3;
        println!(
            "| {name} | {} | {:.3} | {:.2} | {:.2} |",
            latencies.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

/// How much of what is offered passes, and on how many trips.
async fn utilisation() {
    const TIME: Duration = Duration::from_secs(5);
    println!("\n## Four instances, 5,000 a second and 5,000 at once, for five seconds\n");
    println!(
        "| offered | there was | exact admitted | leased admitted | of exact | left | exact decisions/trip | leased decisions/trip | leased trips/s and instance |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let quota = Quota::per_second(5_000);
    for (name, each_second) in
        [("3,000/s", 3_000u64), ("10,000/s", 10_000), ("20,000/s", 20_000), ("100,000/s", 100_000)]
    {
        let there_was = (each_second * 5).min(30_000);
        let mut results = Vec::new();
        for mode in [Mode::Exact, Mode::Leased] {
            let redis = Redis::start();
            let mut stores = Vec::new();
            for _ in 0..4 {
                let client = RedisClient::server(redis.url()).unwrap();
                let builder = RedisStore::builder().mode(mode).deadline(Duration::from_millis(200));
                stores.push(builder.connect(client).await.unwrap());
            }
            let before: u64 = stores.iter().map(|store| store.stats().trips).sum();
            let (asked, admitted) = load::offer(each_second, TIME, |number| {
                let store = stores[number as usize % 4].clone();
                async move { take(&store, 1, &quota).await == Some(true) }
            })
            .await;
            let trips: u64 = stores.iter().map(|store| store.stats().trips).sum();
            let left = stores[0].peek(&Demand::new(key(1), &quota)).await;
            let left = left.map_or(0, |level| level.remaining());
            let trips = (trips - before).max(1);
            results.push((admitted, asked / trips, left, trips / 4 / TIME.as_secs()));
        }
        let [(exact, exact_per_trip, ..), (leased, leased_per_trip, left, trips)] = results[..]
        else {
            unreachable!()
        };
        let part = leased as f64 * 100.0 / exact as f64;
        println!(
            "| {name} | {there_was} | {exact} | {leased} | {part:.1} % | {left} | {exact_per_trip} | {leased_per_trip} | {trips} |"
        );
    }
}
