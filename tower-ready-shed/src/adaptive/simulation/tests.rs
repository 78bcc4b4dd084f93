use std::time::Duration;

use super::{
    World,
    limiter::{AIMD, GRADIENT, GRADIENT2, Limiter, VEGAS},
    ln, peers,
};
use crate::Adaptive;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_logarithm_is_one() {
    for number in [1e-9, 0.001, 0.3, 0.5, 0.75, 0.9, 1.0] {
        assert!((ln(number) - f64::ln(number)).abs() < 1e-9, "{number}");
    }
}

/// Goodput as a part of the capacity, and the 99th percentile in milliseconds, under a load that is
/// a multiple of the capacity.
fn measure(limiter: Limiter, instances: usize, load: f64) -> (f64, f64) {
    let mut world = World::new(limiter, instances);
    let capacity = world.capacity();
    world.run(0, 15, capacity * load);
    let (goodput, p99) = world.seen(5, 15);
    (goodput / capacity, p99)
}

/// What the documentation of the crate says in its table, to the last digit.
#[test]
fn the_table_is_true() {
    // One of the peers wants a timer around it.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    let _entered = runtime.enter();
    let table: Vec<String> = [
        ("nothing", Limiter::Nothing),
        ("20", Limiter::Fixed(20)),
        ("100", Limiter::Fixed(100)),
        ("`aimd`, 12 ms", AIMD),
        ("`vegas`", VEGAS),
        ("`gradient2`", GRADIENT2),
        ("`gradient`", GRADIENT),
        ("tower: load_shed, 20", Limiter::Service(peers::tower)),
        ("tower-resilience: bulkhead, 20", Limiter::Service(peers::bulkhead)),
        ("tower-resilience: AIMD, 12 ms", Limiter::Law(peers::aimd)),
        ("tower-resilience: Vegas", Limiter::Law(peers::vegas)),
        ("tower-resilience: Gradient2", Limiter::Law(peers::gradient2)),
    ]
    .into_iter()
    .map(|(name, limiter)| {
        let cells = [0.5, 1.0, 2.0, 10.0].map(|load| {
            let (goodput, p99) = measure(limiter, 1, load);
            format!("{:.0} %, {p99:.0} ms", goodput * 100.0)
        });
        format!("//! | {name} | {} |", cells.join(" | "))
    })
    .collect();
    let docs = include_str!("../../lib.rs");
    for line in &table {
        assert!(docs.contains(line), "it should say:\n{}", table.join("\n"));
    }
}

#[test]
fn goodput_and_latency_hold_under_every_load() {
    let (_, unloaded) = measure(Limiter::Nothing, 1, 0.2);
    for load in [0.5, 1.0, 2.0, 10.0] {
        let (goodput, p99) = measure(GRADIENT, 1, load);
        assert!(goodput >= 0.9 * load.min(1.0), "{load}: {goodput}");
        assert!(p99 <= 2.0 * unloaded, "{load}: {p99} ms, {unloaded} ms without load");
    }
}

#[test]
fn two_instances_share_what_there_is() {
    let (_, unloaded) = measure(Limiter::Nothing, 1, 0.2);
    for load in [1.0, 2.0, 10.0] {
        let (goodput, p99) = measure(GRADIENT, 2, load);
        assert!(goodput >= 0.9, "{load}: {goodput}");
        assert!(p99 <= 2.0 * unloaded, "{load}: {p99} ms, {unloaded} ms without load");
    }
}

#[test]
fn another_capacity_is_found_within_seconds() {
    let mut world = World::new(GRADIENT, 1);
    for (from, workers) in [(0, 20), (10, 10), (20, 40)] {
        world.workers = workers;
        let capacity = world.capacity();
        world.run(from, from + 10, capacity * 2.0);
        let (goodput, p99) = world.seen(from + 3, from + 10);
        assert!(goodput >= 0.9 * capacity, "{workers}: {goodput} of {capacity}");
        assert!(p99 <= 56.0, "{workers}: {p99} ms");
    }
}

/// Each of its answers needs twice as long from one moment on, which no instance was told.
#[test]
fn another_time_of_service_is_found_when_it_is_measured_again() {
    let mut world = World::new(GRADIENT, 1);
    world.run(0, 20, 4_000.0);
    world.mean *= 2.0;
    world.run(20, 60, 4_000.0);
    let (goodput, p99) = world.seen(40, 60);
    assert!(goodput >= 0.9 * world.capacity(), "{goodput} of {}", world.capacity());
    assert!(p99 <= 112.0, "{p99} ms");
}

#[test]
fn a_limit_that_nobody_comes_near_does_not_grow() {
    let mut world = World::new(GRADIENT, 1);
    world.run(0, 30, 400.0);
    let most = world.limits.iter().map(|it| it.1).max().unwrap();
    assert!(most <= 40, "{most} for four at a time");
}

/// The limit to begin with is far too high, and there was never a time without an overload.
#[test]
fn who_measures_is_not_misled_by_an_overload_that_was_always_there() {
    let p99 = |adaptive: Adaptive| {
        measure(Limiter::Adaptive(adaptive.initial(200).probe_every(MINUTE)), 1, 2.0).1
    };
    let (measured, misled) = (p99(Adaptive::gradient()), p99(Adaptive::gradient2()));
    assert!(measured <= 56.0 && misled > 2.0 * measured, "{measured} ms, {misled} ms");
}
