//! Load, and how long it took.

use std::{
    convert::Infallible,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::Instant;
use tower_ready_ratelimit::{RateLimiter, store::redis::RedisStore};
use tower_ready_testing::redis::Redis;

pub(crate) struct Measured {
    pub(crate) each_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// So many tasks call as fast as they can.
pub(crate) async fn measure<F>(
    tasks: usize,
    time: Duration,
    call: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Measured
where
    F: Future<Output = ()> + Send,
{
    let number = Arc::new(AtomicU64::new(0));
    let (begin, until) = (Instant::now(), Instant::now() + time);
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let (call, number) = (call.clone(), Arc::clone(&number));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                let mut before = Instant::now();
                while before < until {
                    call(number.fetch_add(1, Relaxed)).await;
                    let after = Instant::now();
                    latencies.push(after.since(before).as_nanos() as u32);
                    before = after;
                    // What never waits would leave the other tasks no turn.
                    if latencies.len() % 128 == 0 {
                        tokio::task::yield_now().await;
                        before = Instant::now();
                    }
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let each_second = latencies.len() as f64 / Instant::now().since(begin).as_secs_f64();
    latencies.sort_unstable();
    let at = |part: f64| f64::from(latencies[((latencies.len() - 1) as f64 * part) as usize]) / 1e3;
    Measured { each_second, p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}

/// How long requests took that passed since Redis was hurt, in seconds, the shortest first.
pub(crate) async fn passes(
    limiter: &RateLimiter<RedisStore>,
    tasks: usize,
    time: Duration,
    hurt: impl FnOnce() -> Redis,
) -> Vec<f64> {
    let ends = Instant::now() + time;
    let hurt_at = Arc::new(AtomicU64::new(u64::MAX));
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let hurt_at = Arc::clone(&hurt_at);
            let mut service = limiter.layer().layer(service_fn(|_: Request<()>| {
                std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
            }));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < ends {
                    let before = Instant::now();
                    let ready = service.ready().await.unwrap();
                    let response = ready.call(Request::new(())).await.unwrap();
                    let after = Instant::now();
                    let passed = response.status() == StatusCode::OK;
                    if passed && after.as_nanos() > hurt_at.load(Relaxed) {
                        latencies.push(after.since(before).as_secs_f64());
                    }
                    // As callers do who are not a benchmark.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                latencies
            })
        })
        .collect();
    tokio::time::sleep(time / 4).await;
    let redis = hurt();
    hurt_at.store(Instant::now().as_nanos(), Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    drop(redis);
    latencies.sort_unstable_by(f64::total_cmp);
    latencies
}

/// Offers so many calls a second, whatever becomes of them. Returns how many there were, and how many
/// of them were answered with yes before the time was over: a machine that is too slow to ask so often
/// goes on answering for a while.
pub(crate) async fn offer<F>(
    each_second: u64,
    time: Duration,
    call: impl Fn(u64) -> F,
) -> (u64, u64)
where
    F: Future<Output = bool> + Send + 'static,
{
    let begin = Instant::now();
    let admitted = Arc::new(AtomicU64::new(0));
    let mut calls = tokio::task::JoinSet::new();
    let mut offered = 0;
    while Instant::now().since(begin) < time {
        let due = (Instant::now().since(begin).as_secs_f64() * each_second as f64) as u64;
        while offered < due {
            let (call, admitted) = (call(offered), Arc::clone(&admitted));
            calls.spawn(async move {
                if call.await && Instant::now().since(begin) < time {
                    admitted.fetch_add(1, Relaxed);
                }
            });
            offered += 1;
        }
        while calls.try_join_next().is_some() {}
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while calls.join_next().await.is_some() {}
    (offered, admitted.load(Relaxed))
}
