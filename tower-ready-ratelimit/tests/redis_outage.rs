//! Redis hangs, or dies, on a clock that the test moves: so deadlines are exact, whatever else the
//! machine does.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    OnStoreError, Policy, Quota, RateLimiter, Secret,
    store::redis::{ExecuteError, RedisStore, Script, ScriptExecutor},
};

const INSTANCES: u64 = 4;
const TASKS: u64 = 3;
const QUOTA: Quota = Quota::per_second(400);
const BURST: usize = 400;
/// The default.
const DEADLINE: Duration = Duration::from_millis(30);

/// What take.lua does, for one key, with failures.
#[derive(Clone, Default)]
struct Redis(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    fault: Fault,
    /// When buckets are full, in ticks since the clock began.
    full: BTreeMap<Vec<u8>, u64>,
    /// Commands that were sent while it hung. It runs them when it goes on.
    backlog: VecDeque<(Vec<u8>, Vec<u64>)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    #[default]
    None,
    Hangs,
    Refuses,
}

impl State {
    fn take(&mut self, key: &[u8], args: &[u64]) -> Vec<i64> {
        let &[requests, cost, tolerance, per_micro, deepest, floor] = args else {
            panic!("one bucket: {args:?}");
        };
        let now = Instant::now().as_nanos() / 1_000 * per_micro;
        let full = self.full.entry(key.to_vec()).or_default();
        let left = full.saturating_sub(now).min(deepest).max(floor);
        let passed = requests.min(tolerance.saturating_sub(left) / cost);
        *full = now + left + passed * cost;
        vec![passed as i64, (left + passed * cost) as i64]
    }
}

impl Redis {
    fn set(&self, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        state.fault = fault;
        if fault == Fault::None {
            while let Some((key, args)) = state.backlog.pop_front() {
                state.take(&key, &args);
            }
        }
    }

    fn lose_everything(&self) {
        *self.0.lock().unwrap() = State { fault: Fault::Refuses, ..State::default() };
    }
}

impl ScriptExecutor for Redis {
    async fn evalsha(
        &self,
        _: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> Result<Vec<i64>, ExecuteError> {
        let says_hello = keys[0].ends_with(b":instances");
        let args = args.iter().filter_map(|arg| std::str::from_utf8(arg).ok()?.parse().ok());
        let args: Vec<u64> = if says_hello { Vec::new() } else { args.collect() };
        let answer = {
            let mut state = self.0.lock().unwrap();
            match state.fault {
                Fault::None if says_hello => Some(vec![INSTANCES as i64]),
                Fault::None => Some(state.take(&keys[0], &args)),
                Fault::Refuses => return Err(ExecuteError::failed("connection refused")),
                Fault::Hangs => {
                    if !says_hello {
                        state.backlog.push_back((keys[0].clone(), args));
                    }
                    None
                }
            }
        };
        match answer {
            Some(answer) => Ok(answer),
            None => pending().await,
        }
    }

    async fn eval(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> Result<Vec<i64>, ExecuteError> {
        self.evalsha(script, keys, args).await
    }
}

/// One request: when it came, when it was decided, and whether it passed.
#[derive(Clone, Copy, Debug)]
struct Decided {
    before: Instant,
    after: Instant,
    passed: bool,
}

impl Decided {
    fn latency(&self) -> Duration {
        self.after.since(self.before)
    }
}

/// Puts load on all instances for so long, while things happen to Redis.
async fn load(
    redis: &Redis,
    choice: OnStoreError,
    time: Duration,
    faults: impl Future<Output = ()>,
) -> Vec<Decided> {
    let mut tasks = Vec::new();
    for instance in 0..INSTANCES {
        let store = RedisStore::builder().connect(redis.clone()).await.unwrap();
        let limiter = RateLimiter::builder()
            .policy(Policy::new("all", QUOTA).on_store_error(choice))
            .secret(Secret::new([7; 16]))
            .with_store(store)
            .build()
            .unwrap();
        for task in 0..TASKS {
            tasks.push(tokio::spawn(ask(limiter.clone(), instance * TASKS + task, time)));
        }
    }
    faults.await;
    let mut decided = Vec::new();
    for task in tasks {
        decided.extend(task.await.unwrap());
    }
    decided
}

async fn ask(limiter: RateLimiter<RedisStore<Redis>>, seed: u64, time: Duration) -> Vec<Decided> {
    let mut service = limiter.layer().layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    }));
    let until = Instant::now() + time;
    let (mut decided, mut random) = (Vec::new(), seed);
    while Instant::now() < until {
        let before = Instant::now();
        let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        let passed = response.status() == StatusCode::OK;
        decided.push(Decided { before, after: Instant::now(), passed });
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        sleep(Duration::from_micros(500 + (random >> 33) % 3_000)).await;
    }
    decided
}

/// The most that passed in any window, beyond what the rate earns in it.
fn worst(decided: &[Decided]) -> f64 {
    let mut passed: Vec<_> = decided.iter().filter(|it| it.passed).collect();
    passed.sort_by_key(|it| it.after);
    let (mut worst, rate) = (0.0f64, QUOTA.count() as f64);
    for begin in passed.iter().map(|it| it.before) {
        let mut number = 0.0;
        for decision in passed.iter().filter(|it| it.before >= begin) {
            number += 1.0;
            worst = worst.max(number - rate * decision.after.since(begin).as_secs_f64());
        }
    }
    worst
}

/// An outage of a second and a half, after as long without one, and before two seconds more.
async fn an_outage(choice: OnStoreError, fault: Fault, loses_everything: bool) -> Vec<Decided> {
    let redis = Redis::default();
    let part = Duration::from_millis(1_500);
    let decided = load(&redis, choice, 4 * part, async {
        sleep(part).await;
        redis.set(fault);
        if loses_everything {
            redis.lose_everything();
        }
        sleep(part).await;
        redis.set(Fault::None);
    });
    decided.await
}

#[tokio::test(start_paused = true)]
async fn without_faults_no_more_passes_than_the_quota() {
    let decided = an_outage(OnStoreError::Deny, Fault::None, false).await;
    let worst = worst(&decided);
    assert!((worst - BURST as f64).abs() < 0.001, "{worst}");
    assert!(decided.iter().all(|it| it.latency().is_zero()));
}

#[tokio::test(start_paused = true)]
async fn an_outage_adds_what_the_documentation_says_and_takes_no_longer() {
    for (fault, loses_everything) in
        [(Fault::Hangs, false), (Fault::Refuses, false), (Fault::Refuses, true)]
    {
        let decided = an_outage(OnStoreError::Share, fault, loses_everything).await;
        let worst = worst(&decided);
        let most = (3 * BURST + INSTANCES as usize) as f64;
        println!("{fault:?}: {worst} of {most}");
        assert!(worst <= most, "{fault:?}: {worst} of {most}");
        // Nobody waits longer than the deadline, to the millisecond in which timers are due.
        let longest = decided.iter().map(Decided::latency).max().unwrap();
        assert!(longest <= DEADLINE + Duration::from_millis(1), "{longest:?}");
        // Who waits at all came before three commands in a row had failed, or finds out a second later.
        let waited = decided.iter().filter(|it| !it.latency().is_zero()).count();
        let most = if fault == Fault::Hangs { (INSTANCES * (3 * TASKS + 2)) as usize } else { 0 };
        assert!(waited <= most, "{waited} of {} waited", decided.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_denies_lets_nobody_pass_meanwhile_and_all_are_back_after_a_second() {
    let begin = Instant::now();
    let decided = an_outage(OnStoreError::Deny, Fault::Hangs, false).await;
    let worst = worst(&decided);
    assert!(worst <= BURST as f64 + 0.001, "{worst}");
    let between = |from: u64, to: u64| {
        let passed = decided.iter().filter(|it| it.passed);
        let at = move |it: &&Decided| it.after.since(begin).as_millis() as u64;
        passed.filter(move |it| (from..to).contains(&at(it))).count()
    };
    assert_eq!(between(1_500, 3_000), 0);
    assert!(between(4_100, 6_000) > 400, "{}", between(4_100, 6_000));
}
