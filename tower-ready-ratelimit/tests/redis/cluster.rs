//! A cluster of real servers.

use tower_ready_ratelimit::{
    KeyHash, Quota,
    store::{
        Demand,
        redis::{Mode, RedisClient},
    },
};
use tower_ready_testing::redis::Cluster;

use super::support::{Failover, LEASABLE, connect, decides, number, patient, reach, take};

#[tokio::test]
async fn a_cluster_keeps_what_belongs_together_and_asks_apart_for_the_rest() {
    let cluster = Cluster::start();
    let store = reach(patient(), RedisClient::cluster(cluster.urls()).unwrap()).await;
    let (much, little) = (Quota::per_hour(100), Quota::per_hour(3));
    let [one, other] = [1, 2].map(|caller| Demand::new(number(caller), &much));
    let third = Demand::new(number(3), &little);
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
}

#[tokio::test]
async fn a_cluster_decides_exactly_and_by_leases() {
    let cluster = Cluster::start();
    for mode in [Mode::Exact, Mode::Leased] {
        // One node that is known is enough.
        decides(mode, || RedisClient::cluster([cluster.node(2).url()]).unwrap()).await;
        (0..3).for_each(|master| drop(cluster.node(master).cli(&["FLUSHALL"])));
    }
}

#[tokio::test]
async fn a_promoted_replica_of_a_cluster_admits_once_more_what_it_did_not_hear_of() {
    let mut cluster = Cluster::start();
    let client = || RedisClient::cluster(cluster.urls()).unwrap();
    let exact = connect(cluster.node(0), patient().instances(1)).await;
    // Callers of the first master.
    let mut callers = (1..)
        .map(number)
        .filter(|caller| cluster.master_of(&exact.name(&Demand::new(*caller, &LEASABLE))) == 0);
    let mut failovers = Vec::new();
    for mode in [Mode::Exact, Mode::Leased] {
        let caller = callers.next().unwrap();
        failovers.push(Failover::of(mode, client(), caller).await);
    }
    cluster.cut_off(0);
    for failover in &mut failovers {
        failover.lose().await;
    }
    cluster.fail_over(0);
    for failover in failovers {
        failover.go_on(|| drop(cluster.node(3).cli(&["SCRIPT", "FLUSH"]))).await;
    }
}
