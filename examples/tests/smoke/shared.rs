//! Limits that hold across instances, over Redis.

use std::time::Duration;

use tower_ready_testing::redis::Redis;

use crate::{
    client::{get, order_7, within},
    server::{Server, mint},
};

async fn passed(servers: &[Server], token: &str, requests: usize) -> usize {
    let mut passed = 0;
    for n in 0..requests {
        let answer = order_7(servers[n % servers.len()].address, token).await;
        match answer.status.as_u16() {
            200 => passed += 1,
            _ => assert_eq!(answer.assert_problem(429)["violated-policies"][0], "principal"),
        }
    }
    passed
}

#[tokio::test]
async fn two_instances_share_one_quota() {
    for mode in ["exact", "leased"] {
        let redis = Redis::start();
        let url = redis.url();
        // However busy this machine is, all is counted there.
        let flags = ["--redis", &url, "--redis-timeout", "5s", "--quota", "6/1h"];
        let flags = [&flags[..], &["--limit-mode", mode]].concat();
        let servers = [Server::start("axum", &flags), Server::start("hyper", &flags)];
        let alice = mint(&["--sub", "alice", "--scope", "orders:read"]);
        assert_eq!(passed(&servers, &alice, 20).await, 6, "{mode}");
        let lines = get(servers[0].address, "/readyz?verbose").await.body;
        assert!(String::from_utf8_lossy(&lines).contains("redis: pass"), "{mode}: {lines:?}");
        servers.into_iter().for_each(|server| drop(server.stop()));
    }
}

#[tokio::test]
async fn without_redis_each_policy_does_as_it_was_told() {
    for (choice, ready, word) in
        [("share", 200, "warn"), ("allow", 200, "warn"), ("deny", 503, "fail")]
    {
        let mut redis = Redis::start();
        let url = redis.url();
        let flags =
            ["--redis", &url, "--quota", "6/1h", "--instances", "2", "--on-store-error", choice];
        let server = Server::start("axum", &flags);
        let alice = mint(&["--sub", "alice", "--scope", "orders:read"]);
        // However busy this machine is, Redis answers in time now and then.
        let served = async { while order_7(server.address, &alice).await.status != 200 {} };
        within(served).await;
        redis.kill();
        let told = format!("redis: {word}");
        let noticed = async {
            loop {
                let answer = get(server.address, "/readyz?verbose").await;
                if String::from_utf8_lossy(&answer.body).contains(&told) {
                    break answer.status.as_u16();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert_eq!(within(noticed).await, ready, "{choice}");

        let mut statuses = Vec::new();
        for _ in 0..12 {
            let answer = order_7(server.address, &alice).await;
            if choice == "deny" {
                answer.assert_problem(503);
                assert_eq!(answer.header("retry-after"), "1");
            }
            statuses.push(answer.status.as_u16());
        }
        let passed = statuses.iter().filter(|status| **status == 200).count();
        let expected = match choice {
            "share" => 1..=3,
            "allow" => 12..=12,
            _ => 0..=0,
        };
        assert!(expected.contains(&passed), "{choice}: {statuses:?}");
        server.stop();
    }
}
