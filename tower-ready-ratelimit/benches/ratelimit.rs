//! What a decision costs, beside governor and the layers of others.
//!
//! `cargo bench -p tower-ready-ratelimit`

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench reports its own failures by panicking"
)]

use std::{num::NonZeroU32, time::Duration};

use http::{HeaderName, HeaderValue, Request};
use tower_governor::{
    GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor,
};
use tower_layer::Layer;
use tower_ready_benches::{Cases, NoOp, Repeat, call};
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    Fields, KeyHash, MemoryStore, Policy, Quota, RateLimiter,
    key::{self, Address},
    store::Demand,
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

fn main() {
    tower_ready_benches::main(&[("ratelimit", cases)]);
}

fn cases(cases: &mut Cases) {
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

macro_rules! governor_layer {
    ($period:expr, $burst:expr, $extractor:expr $(, $headers:ident)?) => {
        GovernorLayer::<_, _, axum::body::Body>::new(
            GovernorConfigBuilder::default()
                .period($period)
                .burst_size($burst)
                .key_extractor($extractor)
                $(.$headers())?
                .finish()
                .unwrap(),
        )
    };
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
        .ours("address and header", call(&request(), two.layer().layer(NoOp)));
}

fn with_fields(cases: &mut Cases) {
    let layer = |fields| ours(PLENTY, key::header(API_KEY), fields).layer().layer(NoOp);
    cases
        .over("accept, with fields", "a no-op service", call(&request(), NoOp))
        .ours("RateLimit (draft 11)", call(&request(), layer(Fields::Draft11)))
        .ours("X-RateLimit", call(&request(), layer(Fields::XRateLimit)));
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
        .ours("gRPC, with an id", call(&grpc, spent(Fields::None)));
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
    for (name, keys) in [
        ("store, 1 key", 1u64),
        ("store, 1,000 keys", 1_000),
        ("store, 100,000 keys", 100_000),
        ("store, 1,000,000 keys", 1_000_000),
    ] {
        let store = MemoryStore::new(1_000_000).unwrap();
        for number in 0..keys {
            store.check(Instant::now(), &Demand::new(key(number), LITTLE.burst(100))).unwrap();
        }
        let mut next = random();
        let ours = Repeat::of(move || {
            let demand = Demand::new(key(next() % keys), PLENTY);
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
