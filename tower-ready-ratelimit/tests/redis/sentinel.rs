//! A master that Sentinels name.

use tower_ready_ratelimit::store::redis::{Mode, RedisClient};
use tower_ready_testing::redis::Sentinels;

use super::support::{Failover, decides, number};

fn client(sentinels: &Sentinels) -> RedisClient {
    let client = RedisClient::sentinel(sentinels.urls(), Sentinels::MASTER).unwrap();
    client.login("default", Sentinels::PASSWORD).unwrap()
}

#[tokio::test]
async fn the_master_that_sentinels_name_decides_exactly_and_by_leases() {
    let sentinels = Sentinels::start();
    for mode in [Mode::Exact, Mode::Leased] {
        decides(mode, || client(&sentinels)).await;
        sentinels.master(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn a_replica_that_sentinels_promote_admits_once_more_what_it_did_not_hear_of() {
    let mut sentinels = Sentinels::start();
    let mut failovers = Vec::new();
    for (caller, mode) in [(1, Mode::Exact), (2, Mode::Leased)] {
        failovers.push(Failover::of(mode, client(&sentinels), number(caller)).await);
    }
    sentinels.cut_off();
    for failover in &mut failovers {
        failover.lose().await;
    }
    sentinels.fail_over();
    for failover in failovers {
        failover.go_on(|| drop(sentinels.replica(&["SCRIPT", "FLUSH"]))).await;
    }
}
