//! How often Redis is asked, and who pays.

use std::time::Duration;

use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    Quota,
    store::{Demand, Reading, Store, Taking, redis::Mode},
};
use tower_ready_testing::{alloc, redis::Redis};

use super::support::{connect, number, passes, patient};

#[tokio::test]
async fn requests_of_one_caller_share_trips() {
    let redis = Redis::start();
    let store = connect(&redis, patient()).await;
    let quota = Quota::per_hour(150);
    let demand = Demand::new(number(1), &quota);
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
    let demand = Demand::new(number(1), &quota);
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
    let demand = Demand::new(number(1), &quota);
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
    let demand = Demand::new(number(1), &quota);
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
        admitted += usize::from(passes(&store, Demand::new(number(1), &quota)).await);
    }
    assert_eq!((admitted, store.stats().held), (50, 0));
}
