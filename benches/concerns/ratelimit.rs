//! What a decision costs, beside governor and the layers of others.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    num::NonZeroU32,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use http::{HeaderName, HeaderValue, Request, Response};
use tower_governor::{
    GovernorError, GovernorLayer,
    governor::GovernorConfigBuilder,
    key_extractor::{GlobalKeyExtractor, KeyExtractor, SmartIpKeyExtractor},
};
use tower_layer::Layer;
use tower_ready_benches::{Cases, Repeat, call};
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    Fields, KeyHash, MemoryStore, Policy, Quota, RateLimiter,
    key::{self, Address},
    store::Demand,
};
use tower_service::Service;

/// A service that does nothing, with the body that tower_governor wants.
#[derive(Clone, Copy, Debug)]
struct NoOp;

impl Service<Request<()>> for NoOp {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(black_box(Response::new(Body::empty()))))
    }
}

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

pub(crate) fn cases(cases: &mut Cases) {
    accept(cases);
    with_fields(cases);
    refuse(cases);
    stores(cases);
}

fn request() -> Request<()> {
    let mut request = Request::new(());
    let headers = request.headers_mut();
    headers.insert(API_KEY, HeaderValue::from_static("k-0123456789ab"));
    headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.17"));
    request.extensions_mut().insert("10.0.0.1:4711".parse::<std::net::SocketAddr>().unwrap());
    request
}

fn ours(quota: Quota, key: impl key::Key, fields: Fields) -> RateLimiter {
    let policy = Policy::new("caller", quota).key(key);
    RateLimiter::builder().keys(10_000).policy(policy).fields(fields).build().unwrap()
}

const PLENTY: Quota = Quota::per_second(1_000_000_000).burst(1_000_000_000);
const LITTLE: Quota = Quota::per_day(1);

/// The value of the header as a string, as most users write it.
#[derive(Clone, Copy, Debug)]
struct ApiKey;

impl KeyExtractor for ApiKey {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let value = request.headers().get(API_KEY).ok_or(GovernorError::UnableToExtractKey)?;
        Ok(value.to_str().unwrap().to_owned())
    }
}

/// tower_governor around the no-op service; `use_headers` changes its type.
macro_rules! governor {
    ($extractor:expr, $period:expr, $burst:expr $(, $headers:ident)?) => {{
        let config = GovernorConfigBuilder::default()
            .key_extractor($extractor)
            .period($period)
            .burst_size($burst)
            $(.$headers())?
            .finish();
        GovernorLayer::<_, _, Body>::new(config.expect("its settings are good")).layer(NoOp)
    }};
}

const NANOSECOND: Duration = Duration::from_nanos(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The ratelimiter of tower-resilience as it answers fastest: it has no keys, and its refusals are
/// errors that somebody else has to answer.
fn resilience() -> impl Service<Request<()>, Response = Response<Body>> + Clone + 'static {
    tower_resilience_ratelimiter::RateLimiterLayer::builder()
        .limit_for_period(1_000_000_000)
        .refresh_period(Duration::from_secs(1))
        .timeout_duration(Duration::ZERO)
        .build()
        .expect("its settings are good")
        .layer(NoOp)
}

fn accept(cases: &mut Cases) {
    let layer = |key| ours(PLENTY, key, Fields::None).layer().layer(NoOp);
    let address = ours(PLENTY, Address::peer(), Fields::None).layer().layer(NoOp);
    let client = Address::peer().trust(["10.0.0.0/8"]);
    let client = ours(PLENTY, client, Fields::None).layer().layer(NoOp);
    let global = ours(PLENTY, key::global(), Fields::None).layer().layer(NoOp);
    let two = RateLimiter::builder()
        .keys(10_000)
        .policy(Policy::new("address", PLENTY).key(Address::peer()))
        .policy(Policy::new("caller", PLENTY).key(key::header(API_KEY)))
        .fields(Fields::None)
        .build()
        .unwrap();
    cases
        .over("accept", "a no-op service", call(&request(), NoOp))
        .ours("global", call(&request(), global))
        .ours("header", call(&request(), layer(key::header(API_KEY))))
        .ours("peer address", call(&request(), address))
        .ours("client address behind a proxy", call(&request(), client))
        .ours("address and header", call(&request(), two.layer().layer(NoOp)))
        .peer(
            "tower_governor, global",
            call(&request(), governor!(GlobalKeyExtractor, NANOSECOND, 1_000_000)),
        )
        .peer("tower_governor, header", call(&request(), governor!(ApiKey, NANOSECOND, 1_000_000)))
        .peer(
            "tower_governor, client address",
            call(&request(), governor!(SmartIpKeyExtractor, NANOSECOND, 1_000_000)),
        )
        .peer("tower-resilience-ratelimiter, not keyed", call(&request(), resilience()));
}

fn with_fields(cases: &mut Cases) {
    let layer = |fields| ours(PLENTY, key::header(API_KEY), fields).layer().layer(NoOp);
    cases
        .over("accept, with fields", "a no-op service", call(&request(), NoOp))
        .ours("RateLimit (draft 11)", call(&request(), layer(Fields::Draft11)))
        .ours("X-RateLimit", call(&request(), layer(Fields::XRateLimit)))
        .peer(
            "tower_governor, header",
            call(&request(), governor!(ApiKey, NANOSECOND, 1_000_000, use_headers)),
        );
}

fn refuse(cases: &mut Cases) {
    let spent = |fields| {
        let limiter = ours(LITTLE, key::header(API_KEY), fields);
        limiter.bucket("caller", |key| key.put(b"k-0123456789ab")).unwrap().charge(1);
        limiter.layer().layer(NoOp)
    };
    let mut with_id = request();
    with_id.headers_mut().insert("x-request-id", HeaderValue::from_static("7f3a"));
    let mut grpc = with_id.clone();
    *grpc.method_mut() = http::Method::POST;
    grpc.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    cases
        .over("refuse", "a no-op service", call(&request(), NoOp))
        .ours("header", call(&request(), spent(Fields::None)))
        .ours("header, with an id", call(&with_id, spent(Fields::None)))
        .ours("header, with an id and fields", call(&with_id, spent(Fields::Draft11)))
        .ours("gRPC, with an id", call(&grpc, spent(Fields::None)))
        .peer("tower_governor, header", {
            let mut service = governor!(ApiKey, DAY, 1);
            drop(service.call(request()));
            call(&request(), service)
        });
}

fn random() -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Spreads as a keyed hash does, at next to no cost.
fn key(number: u64) -> KeyHash {
    let low = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let high = (low ^ low >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    KeyHash::from_bits(u128::from(high) << 64 | u128::from(low))
}

fn stores(cases: &mut Cases) {
    cases.operations("parts").ours("the clock", Repeat::of(Instant::now)).ours(
        "a store of one key, with the clock at hand",
        {
            let store = MemoryStore::new(1_000).unwrap();
            let now = Instant::now();
            Repeat::of(move || store.check(now, &Demand::new(key(1), &PLENTY)).is_ok())
        },
    );
    for (name, keys) in [
        ("store, 1 key", 1u64),
        ("store, 1,000 keys", 1_000),
        ("store, 100,000 keys", 100_000),
        ("store, 1,000,000 keys", 1_000_000),
    ] {
        let store = MemoryStore::new(1_000_000).unwrap();
        for number in 0..keys {
            store.check(Instant::now(), &Demand::new(key(number), &LITTLE.burst(100))).unwrap();
        }
        let mut next = random();
        let ours = Repeat::of(move || {
            let demand = Demand::new(key(next() % keys), &PLENTY);
            store.check(Instant::now(), &demand).is_ok()
        });
        let quota = governor::Quota::per_second(NonZeroU32::new(1_000_000_000).unwrap());
        let governor = governor::RateLimiter::dashmap(quota);
        for number in 0..keys {
            let _ = governor.check_key(&number);
        }
        let mut next = random();
        let governor = Repeat::of(move || governor.check_key(&(next() % keys)).is_ok());
        let mut next = random();
        cases
            .over(name, "a random number", Repeat::of(move || next() % keys))
            .ours("MemoryStore", ours)
            .peer("governor", governor);
    }
}
