//! Who is there: other instances, and Redis.

use std::time::Duration;

use tower_ready_ratelimit::{Quota, store::Demand};
use tower_ready_testing::redis::Redis;

use super::support::{connect, number, patient, take};

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
    let demand = Demand::new(number(1), &quota);
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
