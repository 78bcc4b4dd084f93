//! Revocations and proofs in a real Redis, when it is well and when it is not.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_auth::{Auth, AuthBuilder, ConfigErrorKind, RedisStore, ReplayStore};
use tower_ready_core::Instant;
use tower_ready_testing::redis::Redis;

use crate::support::{HMAC, after, hmac_verifier, now, with};

fn store(redis: &Redis) -> RedisStore {
    let builder = RedisStore::builder(&redis.url());
    builder.timeout(Duration::from_secs(1)).build().unwrap()
}

fn auth(revoked: &RedisStore) -> AuthBuilder {
    Auth::builder().jwt(hmac_verifier()).no_throttle().revocation(revoked.clone())
}

async fn status(auth: AuthBuilder, token: &str) -> u16 {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = auth.build().unwrap().layer().layer(inner);
    let mut request = Request::new(());
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    service.oneshot(request).await.unwrap().status().as_u16()
}

fn token(id: &str, subject: &str) -> String {
    HMAC.token(&with(&[("jti", json!(id)), ("sub", json!(subject))]))
}

#[tokio::test]
async fn what_one_instance_revokes_is_revoked_in_all() {
    let redis = Redis::start();
    let (one, other) = (store(&redis), store(&redis));
    let (first, second, bob) = (token("1", "alice"), token("2", "alice"), token("3", "bob"));
    for token in [&first, &second, &bob] {
        assert_eq!(status(auth(&other), token).await, 200);
    }
    one.credential("1", after(300)).await.unwrap();
    assert_eq!(status(auth(&other), &first).await, 401);
    assert_eq!(status(auth(&other), &second).await, 200);
    one.subject("alice").await.unwrap();
    assert_eq!(status(auth(&other), &second).await, 401);
    assert_eq!(status(auth(&other), &bob).await, 200);
    // Issued after that, it is good.
    one.subject_before("alice", after(0) - Duration::from_secs(60)).await.unwrap();
    assert_eq!(status(auth(&other), &second).await, 200);
    let old = HMAC.token(&with(&[("jti", json!("4")), ("iat", json!(now() - 90))]));
    assert_eq!(status(auth(&other), &old).await, 401);
    one.restore("alice").await.unwrap();
    assert_eq!(status(auth(&other), &old).await, 200);
    // A token is taken for some time after its end, and so long it is revoked.
    let over = HMAC.token(&with(&[("jti", json!("6")), ("exp", json!(now() - 10))]));
    assert_eq!(status(auth(&other), &over).await, 200);
    one.credential("6", after(0) - Duration::from_secs(10)).await.unwrap();
    assert_eq!(status(auth(&other), &over).await, 401);
    // What ended by itself need not be kept.
    one.credential("5", after(0) - Duration::from_secs(301)).await.unwrap();
    assert_eq!(redis.cli(&["EXISTS", "tower-ready-auth:credential:5"]), "0");
    assert_ne!(redis.cli(&["PTTL", "tower-ready-auth:credential:1"]), "-1");
}

#[tokio::test]
async fn a_key_is_revoked_by_its_id() {
    let redis = Redis::start();
    let revoked = store(&redis);
    let key =
        tower_ready_auth::Key::secret(tower_ready_auth::Algorithm::HS256, &crate::support::SECRET);
    let verifier = crate::support::builder(&HMAC).keys(key.unwrap().id("2026-11")).build().unwrap();
    let auth = || Auth::builder().jwt(verifier.clone()).revocation(revoked.clone());
    assert_eq!(status(auth(), &token("1", "alice")).await, 200);
    revoked.key("2026-11").await.unwrap();
    assert_eq!(status(auth(), &token("1", "alice")).await, 401);
}

#[tokio::test]
async fn a_redis_that_does_not_answer_lets_nobody_pass_and_nobody_wait() {
    let mut redis = Redis::start();
    let revoked = store(&redis);
    let good = token("1", "alice");
    assert_eq!(status(auth(&revoked), &good).await, 200);

    redis.pause();
    let start = Instant::now();
    assert_eq!(status(auth(&revoked), &good).await, 503);
    assert_eq!(status(auth(&revoked).fail_open(true), &good).await, 200);
    assert!(Instant::now().since(start) < Duration::from_secs(10), "each waits for a second");
    assert!(revoked.credential("1", after(300)).await.is_err());
    redis.resume();
    until(200, &revoked, &token("2", "bob")).await;

    redis.kill();
    assert_eq!(status(auth(&revoked), &good).await, 503);
    assert_eq!(status(auth(&revoked).fail_open(true), &good).await, 200);
    redis.restart();
    until(200, &revoked, &good).await;
    revoked.credential("1", after(300)).await.unwrap();
    assert_eq!(status(auth(&revoked), &good).await, 401);
}

/// A connection is made anew by whoever asks next, so one may still fail.
async fn until(expected: u16, revoked: &RedisStore, token: &str) {
    for _ in 0..30 {
        if status(auth(revoked), token).await == expected {
            return;
        }
    }
    panic!("it never answers again");
}

#[tokio::test]
async fn a_proof_comes_once_to_all_instances() {
    let redis = Redis::start();
    let (one, other) = (store(&redis), store(&redis));
    for n in 0..20_u8 {
        let come = |store: &RedisStore| store.is_first([n; 32], after(60)).wait();
        let (first, second) = tokio::join!(come(&one), come(&other));
        assert_ne!(first.unwrap(), second.unwrap(), "of two at a time one is the first");
        assert!(!come(&other).await.unwrap());
    }
    // It is forgotten when it is no good any more, and not before.
    let key = format!("tower-ready-auth:proof:{}", "07".repeat(32));
    let left: u64 = redis.cli(&["PTTL", &key]).parse().unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    assert!(one.is_first([99; 32], after(0) - Duration::from_secs(9)).wait().await.unwrap());
}

#[tokio::test]
async fn a_redis_that_does_not_answer_takes_no_proof_for_the_first() {
    let mut redis = Redis::start();
    let store = store(&redis);
    assert!(store.is_first([1; 32], after(60)).wait().await.unwrap());
    redis.pause();
    assert!(store.is_first([2; 32], after(60)).wait().await.is_err());
    redis.resume();
    redis.kill();
    assert!(store.is_first([3; 32], after(60)).wait().await.is_err());
}

#[tokio::test]
async fn a_url_is_checked_and_not_shown() {
    for url in ["", "http://127.0.0.1/", "redis://:pass-K-4711@", "redis://:pass-K-4711@host:x/"] {
        let error = RedisStore::builder(url).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::RedisUrl, "{url}");
        assert!(!error.to_string().contains("K-4711"));
    }
    let builder = RedisStore::builder("redis://:pass-K-4711@127.0.0.1:1/");
    assert!(!format!("{builder:?}").contains("K-4711"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("K-4711"));
}

#[test]
fn a_runtime_is_needed() {
    let error = RedisStore::builder("redis://127.0.0.1:1/").build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::NoRuntime);
}
