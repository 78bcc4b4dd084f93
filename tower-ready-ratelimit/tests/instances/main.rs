//! Several processes on one Redis, under load and through faults: what they admit is recorded, and
//! in every window of the record it stays within the bound that the documentation states.
//!
//! This program is the test, and, started with `TOWER_READY_INSTANCE`, one of the instances.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "processes meet on the wall clock and by their output"
)]

mod group;
mod instance;
mod proxy;
mod trace;

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use group::{Group, Setup};
use tower_ready_testing::redis::Redis;

/// The quota of every scenario.
const RATE: u64 = 400;
const BURST: u64 = 400;
const INSTANCES: u64 = 4;

const EXACT: Setup = Setup { mode: "exact", on_store_error: "deny", deadline_ms: 1_000 };
const LEASED: Setup = Setup { mode: "leased", ..EXACT };

type Scenario = (&'static str, fn());

const SCENARIOS: &[Scenario] = &[
    ("exact_instances_admit_no_more_than_the_quota", || steady(EXACT)),
    ("leased_instances_admit_no_more_than_the_quota", || steady(LEASED)),
    ("an_instance_is_stopped_and_resumes_when_its_leases_have_lapsed", a_stop),
    ("an_instance_is_killed_with_what_it_holds", a_kill),
    ("redis_hangs_and_goes_on", || an_outage(EXACT, |redis| redis.pause(), |redis| redis.resume())),
    ("redis_dies_and_comes_back_empty", || an_outage(EXACT, Redis::kill, Redis::restart)),
    ("redis_dies_under_leases", || an_outage(LEASED, Redis::kill, Redis::restart)),
    ("redis_loses_its_data", || a_loss(EXACT)),
    ("redis_loses_its_data_under_leases", || a_loss(LEASED)),
    ("redis_forgets_its_scripts", forgotten_scripts),
    ("the_network_is_slow", || a_slow_network(EXACT)),
    ("the_network_is_slow_under_leases", || a_slow_network(LEASED)),
];

/// Two scenarios at a time are enough for a small machine.
const AT_ONCE: usize = 2;

fn main() {
    if env::var_os(instance::VARIABLE).is_some() {
        return instance::run();
    }
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if env::args().any(|arg| arg == "--list") {
        return SCENARIOS.iter().for_each(|(name, _)| println!("{name}: test"));
    }
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|it| name.contains(&**it));
    let queue: Mutex<Vec<_>> = Mutex::new(SCENARIOS.iter().filter(|it| chosen(it.0)).collect());
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, scenario)) = queue.lock().unwrap().pop() else { return };
                    let passed = std::panic::catch_unwind(scenario).is_ok();
                    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
                    failed.fetch_or(!passed, Relaxed);
                }
            });
        }
    });
    assert!(!failed.load(Relaxed), "some scenarios failed");
}

fn wait(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// Nothing happens: also little is lost.
fn steady(setup: Setup) {
    let redis = Redis::start();
    let group = Group::start(&redis.url(), setup);
    wait(3_500);
    let trace = group.end();
    trace.assert_within(BURST as f64);
    trace.assert_at_least(0.9);
    if setup.mode == "leased" {
        assert!(trace.is_of_few_trips(), "{:?}", trace.totals());
    }
}

fn a_stop() {
    let redis = Redis::start();
    let group = Group::start(&redis.url(), LEASED);
    wait(1_000);
    group.signal(0, "STOP");
    // Leases last four seconds here.
    wait(4_500);
    group.signal(0, "CONT");
    wait(1_000);
    let trace = group.end();
    trace.assert_within(BURST as f64);
}

fn a_kill() {
    let redis = Redis::start();
    let group = Group::start(&redis.url(), LEASED);
    wait(1_000);
    group.signal(0, "KILL");
    wait(2_500);
    let trace = group.end();
    trace.assert_within(BURST as f64);
    trace.assert_at_least(0.6);
}

/// Each instance has a share meanwhile, and the bucket of Redis knows little of it.
///
/// The deadline is one that a busy machine keeps; what the default one does is shown in
/// `redis_outage.rs`, on a clock that waits for everybody.
fn an_outage(setup: Setup, begin: fn(&mut Redis), end: fn(&mut Redis)) {
    let mut redis = Redis::start();
    let group =
        Group::start(&redis.url(), Setup { on_store_error: "share", deadline_ms: 500, ..setup });
    wait(1_500);
    begin(&mut redis);
    wait(1_500);
    end(&mut redis);
    wait(2_500);
    let trace = group.end();
    trace.assert_within((3 * BURST + INSTANCES) as f64);
    assert!(trace.degraded() > 0, "nobody noticed");
    assert!(trace.recovered(), "nobody asks Redis any more");
}

fn a_loss(setup: Setup) {
    let redis = Redis::start();
    let group = Group::start(&redis.url(), setup);
    wait(1_500);
    redis.cli(&["FLUSHALL"]);
    wait(1_500);
    let trace = group.end();
    trace.assert_within((2 * BURST) as f64);
}

fn forgotten_scripts() {
    let redis = Redis::start();
    let group = Group::start(&redis.url(), EXACT);
    for _ in 0..10 {
        wait(200);
        redis.cli(&["SCRIPT", "FLUSH"]);
    }
    let trace = group.end();
    trace.assert_within(BURST as f64);
    trace.assert_at_least(0.9);
}

fn a_slow_network(setup: Setup) {
    let redis = Redis::start();
    let proxy = proxy::Proxy::before(redis.port());
    let group = Group::start(&proxy.url(), setup);
    wait(3_500);
    let trace = group.end();
    trace.assert_within(BURST as f64);
    trace.assert_at_least(0.6);
}
