//! Redis over TLS.

use tower_ready_ratelimit::{
    Quota,
    store::{
        Demand,
        redis::{Mode, RedisClient},
    },
};
use tower_ready_testing::redis::{Redis, Tls};

use super::support::{decides, number, patient, take};

fn client(tls: &Tls) -> RedisClient {
    let client = RedisClient::server(tls.url()).unwrap().trust_pem(tls.authority).unwrap();
    client.identity_pem(tls.certificate, tls.key).unwrap()
}

#[tokio::test]
async fn redis_decides_over_tls_exactly_and_by_leases() {
    let (redis, tls) = Redis::start_tls();
    for mode in [Mode::Exact, Mode::Leased] {
        decides(mode, || client(&tls)).await;
        redis.cli(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn nobody_is_asked_who_is_not_trusted_or_does_not_trust() {
    let (_redis, tls) = Redis::start_tls();
    let untrusted = RedisClient::server(tls.url()).unwrap();
    let unknown = RedisClient::server(tls.url()).unwrap().trust_pem(tls.authority).unwrap();
    for client in [untrusted, unknown] {
        let store = patient().connect(client).await.unwrap();
        let quota = Quota::per_hour(1);
        assert!(take(&store, &[Demand::new(number(1), &quota)]).await.is_err());
    }
}

#[test]
fn what_is_no_certificate_or_no_tls_is_refused() {
    let secure = || RedisClient::server("rediss://127.0.0.1/").unwrap();
    assert!(secure().identity_pem("none", "none").is_err());
    let plain = RedisClient::server("redis://127.0.0.1/").unwrap();
    assert!(plain.trust_pem("none").is_err());
}
