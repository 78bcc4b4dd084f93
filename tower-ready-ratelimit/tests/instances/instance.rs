//! One instance: a limiter around a service that does nothing, under random load.

use std::{
    convert::Infallible,
    env,
    fmt::Write as _,
    io::{self, Read, Write as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_ratelimit::{
    Decision, OnStoreError, Policy, Quota, RateLimiter, Secret, key,
    store::redis::{Mode, RedisClient, RedisStore},
};

use super::{BURST, RATE};

/// Its value is the number of the instance.
pub(crate) const VARIABLE: &str = "TOWER_READY_INSTANCE";

const CALLERS: [&str; 2] = ["alice", "bob"];
const TASKS: u64 = 6;

/// Microseconds on the clock that all processes share.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

pub(crate) fn run() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(serve());
}

async fn serve() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [url, mode, on_store_error, deadline] = &args[..] else { panic!("{args:?}") };
    let deadline = Duration::from_millis(deadline.parse().unwrap());
    let store = RedisStore::builder()
        .mode(if mode == "leased" { Mode::Leased } else { Mode::Exact })
        .deadline(deadline)
        .lease((4 * deadline).max(Duration::from_secs(1)))
        .connect(RedisClient::server(url.as_str()).unwrap())
        .await
        .unwrap();
    let api_key = HeaderName::from_static("x-api-key");
    let policy = Policy::new("caller", Quota::per_second(RATE).burst(BURST))
        .key(key::header(api_key))
        .on_store_error(match &**on_store_error {
            "share" => OnStoreError::Share,
            _ => OnStoreError::Deny,
        });
    let limiter = RateLimiter::builder()
        .policy(policy)
        .secret(Secret::new([7; 16]))
        .expose(true)
        .with_store(store.clone())
        .build()
        .unwrap();

    say("ready\n");
    let ends = Arc::new(AtomicBool::new(false));
    let mut go = [0; 3];
    io::stdin().read_exact(&mut go).unwrap();
    let watcher = Arc::clone(&ends);
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        watcher.store(true, Relaxed);
    });

    let number: u64 = env::var(VARIABLE).unwrap().parse().unwrap();
    let lines = Arc::new(Mutex::new(String::new()));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (limiter, lines, ends) = (limiter.clone(), Arc::clone(&lines), Arc::clone(&ends));
            tokio::spawn(load(limiter, number * TASKS + task + 1, lines, ends))
        })
        .collect();
    // What was admitted is told soon, for this process may be killed.
    while !ends.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        say(&std::mem::take(&mut *lines.lock().unwrap()));
    }
    for task in tasks {
        task.await.unwrap();
    }
    store.drain().await;
    let stats = store.stats();
    let mut last = std::mem::take(&mut *lines.lock().unwrap());
    writeln!(last, "stats {} {}", stats.decisions, stats.trips).unwrap();
    say(&last);
}

/// Calls: at times all at once, at times slowly, at times not at all.
async fn load(
    limiter: RateLimiter<RedisStore>,
    seed: u64,
    lines: Arc<Mutex<String>>,
    ends: Arc<AtomicBool>,
) {
    let inner = service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let mut service = limiter.layer().layer(inner);
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    while !ends.load(Relaxed) {
        let caller = next(CALLERS.len() as u64) as usize;
        for _ in 0..next(20) {
            let mut request = Request::new(());
            let name = HeaderValue::from_static(CALLERS[caller]);
            request.headers_mut().insert("x-api-key", name);
            let before = now();
            let response = service.ready().await.unwrap().call(request).await.unwrap();
            let after = now();
            let ok = response.status() == StatusCode::OK;
            let degraded = response.status() == StatusCode::SERVICE_UNAVAILABLE
                || Decision::of(response.extensions()).is_some_and(Decision::is_degraded);
            let mut lines = lines.lock().unwrap();
            let (ok, degraded) = (u8::from(ok), u8::from(degraded));
            writeln!(lines, "{caller} {before} {after} {ok} {degraded}").unwrap();
        }
        let pause = if next(50) == 0 { 200 } else { 1 + next(8) };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

fn say(text: &str) {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).unwrap();
    output.flush().unwrap();
}
