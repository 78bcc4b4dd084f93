//! What is wrong is said before the first request, and what is decided can be read.

use std::{convert::Infallible, future::ready, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    ConfigErrorKind, Decision, Head, MemoryStore, Penalty, Policy, Quota, QuotaError, RateLimiter,
    Usage,
    key::Address,
    store::{Change, Demand, Reading, Store, Taking},
};

fn refused(policies: Vec<Policy>) -> (ConfigErrorKind, String) {
    let builder = RateLimiter::builder().keys(10);
    let error =
        policies.into_iter().fold(builder, |builder, policy| builder.policy(policy)).build();
    let error = error.unwrap_err();
    (error.kind().clone(), error.to_string())
}

fn policy() -> Policy {
    Policy::new("caller", Quota::per_second(1))
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_name_and_a_fix() {
    let second = Duration::from_secs(1);
    let named = |number: u32| Policy::new(format!("p{number}"), Quota::per_second(1));
    for (policies, kind, words) in [
        (vec![], ConfigErrorKind::NoPolicy, "add one"),
        ((0..9).map(named).collect(), ConfigErrorKind::TooManyPolicies, "second limiter"),
        (vec![policy(), policy()], ConfigErrorKind::DuplicateName, "rename"),
        (vec![Policy::new("a b", Quota::per_second(1))], ConfigErrorKind::Name, "choose another"),
        (
            vec![Policy::new("a", Quota::per_second(0))],
            ConfigErrorKind::Quota(QuotaError::ZeroCount),
            "policy \"a\": quota: the count is zero",
        ),
        (
            vec![Policy::new("a", Quota::per_second(1).burst(0))],
            ConfigErrorKind::Quota(QuotaError::ZeroBurst),
            "burst is zero",
        ),
        (vec![Policy::concurrent("a", 0)], ConfigErrorKind::NoPermits, "at least one"),
        (
            vec![Policy::concurrent("a", 1).cost(|_| 2)],
            ConfigErrorKind::PermitsOnly,
            "policy of their own",
        ),
        (
            vec![policy().penalty(Penalty::first(2 * second).longest(second))],
            ConfigErrorKind::Penalty,
            "0 < first <= longest",
        ),
        (
            vec![policy().key(Address::peer().trust(["10.0.0.0/8"]).hops(1))],
            ConfigErrorKind::HopsAndProxies,
            "not both",
        ),
    ] {
        let (found, text) = refused(policies);
        assert_eq!(found, kind);
        assert!(text.contains(words), "{text}");
    }
    for keys in [0, usize::MAX] {
        let refused = RateLimiter::builder().keys(keys).policy(policy()).build().unwrap_err();
        assert_eq!(refused.kind(), &ConfigErrorKind::Capacity);
    }
}

#[test]
fn a_swap_is_checked_as_a_setting_is() {
    let limiter = RateLimiter::builder().keys(10).policy(policy()).build().unwrap();
    assert!(limiter.swap_quota("nobody", Quota::per_second(1)).is_err());
    assert!(limiter.swap_quota("caller", Quota::per_second(0)).is_err());
    assert!(limiter.swap_quota("caller", Quota::per_second(9)).is_ok());
    assert_eq!(limiter.quota("caller"), Some(Quota::per_second(9)));
    assert!(limiter.bucket("nobody", |_| {}).is_none() && limiter.stats("nobody").is_none());
}

#[test]
fn limiters_may_share_a_store() {
    let store = MemoryStore::new(100).unwrap();
    let secret = tower_ready_ratelimit::Secret::new([7; 16]);
    let limiter = || {
        let policy = Policy::new("all", Quota::per_hour(5));
        let builder = RateLimiter::builder().policy(policy).with_store(store.clone());
        builder.secret(secret).build().unwrap()
    };
    limiter().bucket("all", |_| {}).unwrap().charge(2);
    assert_eq!(limiter().bucket("all", |_| {}).unwrap().level().remaining(), 3);
}

/// A store that others share, as far as a limiter can tell.
struct Shared(MemoryStore);

impl Store for Shared {
    type Trip = <MemoryStore as Store>::Trip;

    fn take(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Taking<Self::Trip> {
        self.0.take(now, demands, readings)
    }

    fn adjust(&self, now: Instant, demand: &Demand<'_>, change: Change) {
        self.0.adjust(now, demand, change);
    }
}

#[test]
fn a_store_that_is_shared_wants_a_secret_that_is() {
    let builder = || {
        let store = Shared(MemoryStore::new(10).unwrap());
        RateLimiter::builder().policy(policy()).with_store(store)
    };
    let error = builder().build().unwrap_err();
    assert_eq!(error.kind(), &ConfigErrorKind::NoSecret);
    assert!(error.to_string().contains("secret(..)"), "{error}");
    assert!(builder().secret(tower_ready_ratelimit::Secret::random()).build().is_ok());
}

#[tokio::test]
async fn a_handler_sees_the_decision_and_its_caller_too() {
    let limiter = RateLimiter::builder().keys(10).policy(policy()).expose(true).build().unwrap();
    let mut service = limiter.layer().layer(service_fn(|request: Request<()>| {
        let decision = Decision::of(request.extensions()).unwrap();
        assert!(decision.passed());
        assert_eq!(decision.tightest().unwrap().policy, "caller");
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    }));
    for passed in [true, false] {
        let ready = service.ready().await.unwrap();
        let response = ready.call(Request::new(())).await.unwrap();
        let decision = Decision::of(response.extensions()).unwrap();
        assert_eq!(decision.passed(), passed);
        assert_eq!(decision.standings()[0].enough, passed);
        assert_eq!(decision.standings()[0].level.remaining(), 0);
    }
}

#[tokio::test]
async fn a_handler_says_what_its_work_has_cost() {
    let tokens = Policy::new("tokens", Quota::per_hour(1_000))
        .cost(|_: &Head<'_>| 100)
        .settle(tower_ready_ratelimit::Settle::Usage)
        .debt(500);
    let limiter = RateLimiter::builder().keys(10).policy(tokens).build().unwrap();
    let mut service = limiter.layer().layer(service_fn(|request: Request<()>| {
        request.extensions().get::<Usage>().unwrap().add(700);
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    }));
    let remaining = || limiter.bucket("tokens", |_| {}).unwrap().level().remaining();
    for left in [300, 0] {
        let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert!(response.status().is_success());
        drop(response);
        assert_eq!(remaining(), left);
    }
    let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    assert_eq!(response.status(), 429, "it is in debt");
}

/// What a host asks of a service that it spawns.
#[test]
fn everything_may_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<RateLimiter>();
    crosses::<tower_ready_ratelimit::RateLimitLayer>();
    crosses::<tower_ready_ratelimit::RateLimitService<()>>();
    crosses::<tower_ready_ratelimit::RateLimitBody<Full<Bytes>>>();
    crosses::<tower_ready_ratelimit::Bucket>();
}
