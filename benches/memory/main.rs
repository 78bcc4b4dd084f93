//! What is kept for each key, series or token: `cargo bench -p tower-ready-benches --bench memory`.
//!
//! Bytes that the allocator was asked for and that are still held when all are in, shared among them.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and reports its own failures by panicking"
)]

use std::{
    convert::Infallible,
    env,
    future::{Future, Ready, ready},
    num::NonZeroU32,
    pin::pin,
    task::{Context, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_layer::Layer;
use tower_ready_breaker::{Breaker, KeyedBreaker};
use tower_ready_core::{Instant, Route};
use tower_ready_obs::Metrics;
use tower_ready_ratelimit::{KeyHash, MemoryStore, Quota, store::Demand};
use tower_service::Service;

fn main() {
    if !env::args().any(|arg| arg == "--bench") {
        return; // of `cargo test`
    }
    println!("| what | how many | bytes each |");
    println!("|---|---:|---:|");
    for keys in [1_000, 100_000, 1_000_000] {
        line("ratelimit: a key", keys, || limiter(keys));
        line("[governor, a number as key]", keys, || governor(keys, |n| n));
        line("[governor, a text of 14 bytes]", keys, || governor(keys, text));
    }
    for routes in [100, 1_000] {
        line("obs: a route of two histograms", routes, || series(routes));
        line("[prometheus, the same]", routes, || prometheus(routes));
    }
    for keys in [100, 1_000] {
        line("breaker: a key", keys, || breakers(keys));
    }
}

/// Measures what is held by what this makes.
fn line<T>(what: &str, count: usize, make: impl FnOnce() -> T) {
    let mut held = None;
    let info = allocation_counter::measure(|| held = Some(make()));
    println!("| {what} | {} | {:.1} |", thousands(count), info.bytes_current as f64 / count as f64);
    drop(held);
}

fn thousands(count: usize) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{},{:03}", count / 1_000, count % 1_000),
        _ => format!("{},000,000", count / 1_000_000),
    }
}

/// A store with room for as many as there are, none of which is lost.
fn limiter(keys: usize) -> MemoryStore {
    let store = MemoryStore::new(keys).unwrap();
    let quota = Quota::per_hour(1).burst(10);
    for n in 0..keys as u128 {
        let key =
            KeyHash::from_bits((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        store.check(Instant::now(), &Demand::new(key, &quota)).unwrap();
    }
    store
}

fn governor<K: std::hash::Hash + Eq + Clone>(
    keys: usize,
    key: impl Fn(usize) -> K,
) -> governor::DefaultKeyedRateLimiter<K> {
    let quota = governor::Quota::per_hour(NonZeroU32::MIN);
    let limiter = governor::RateLimiter::dashmap(quota);
    for n in 0..keys {
        limiter.check_key(&key(n)).unwrap();
    }
    limiter
}

fn text(n: usize) -> String {
    format!("k-{n:012x}")
}

fn series(routes: usize) -> Metrics {
    let answer = |_: Request<()>| -> Ready<Result<_, Infallible>> {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
    };
    let metrics = Metrics::builder().build().unwrap();
    let mut service = metrics.layer().layer(service_fn(answer));
    for n in 0..routes {
        let mut request = Request::new(());
        request.extensions_mut().insert(Route::from(route(n).as_str()));
        let answer = pin!(service.call(request)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(answer.is_ready());
    }
    metrics
}

fn route(n: usize) -> String {
    format!("/orders/{n}/items/{{id}}")
}

/// The same numbers as that crate keeps them.
fn prometheus(routes: usize) -> Vec<prometheus::HistogramVec> {
    let names =
        ["http_server_request_duration_seconds", "tower_ready_http_time_to_headers_seconds"];
    let labels = ["method", "scheme", "route", "status", "version"];
    names
        .map(|name| {
            let bounds = prometheus::exponential_buckets(0.005, 1.6, 14).unwrap();
            let options = prometheus::HistogramOpts::new(name, "How long.").buckets(bounds);
            let histogram = prometheus::HistogramVec::new(options, &labels).unwrap();
            for n in 0..routes {
                let values = ["GET", "http", &route(n), "200", "1.1"];
                histogram.with_label_values(&values).observe(0.001);
            }
            histogram
        })
        .into()
}

/// Circuits of so many keys, all of which have been called.
fn breakers(keys: usize) -> KeyedBreaker {
    let builder = Breaker::builder("bench").capacity(keys);
    let breaker = builder.build_keyed(|_| None).unwrap();
    for n in 0..keys {
        breaker.key(&text(n)).try_acquire().unwrap().success();
    }
    breaker
}
