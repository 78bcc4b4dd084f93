//! A service of known capacity, simulated: it works on so many requests at a time, and lets the
//! others wait inside of it. Nothing here depends on the machine or on the time of day.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use tower_ready_core::Instant;

use super::{Adaptive, Learner};
use crate::{
    Priority,
    gate::{Gate, Shares},
};

/// What bounds a service.
#[derive(Clone, Copy, Debug)]
enum Limiter {
    Nothing,
    Fixed(u32),
    Adaptive(Adaptive),
}

const GRADIENT: Limiter = Limiter::Adaptive(Adaptive::gradient());
const VEGAS: Limiter = Limiter::Adaptive(Adaptive::vegas());
/// The median without load is somewhat above eight milliseconds.
const AIMD: Limiter = Limiter::Adaptive(Adaptive::aimd(Duration::from_millis(12)));

/// What happens when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrives,
    /// A worker is done with a call that came through this instance then.
    Done(usize, u64),
}

struct World {
    workers: usize,
    busy: usize,
    mean: f64,
    /// Calls inside of the service that no worker has yet: the instance, and since when.
    line: VecDeque<(usize, u64)>,
    events: BinaryHeap<Reverse<(u64, u64, What)>>,
    number: u64,
    random: u64,
    instances: Vec<Instance>,
    /// When each call was done, and how long it took.
    done: Vec<(u64, u64)>,
    limits: Vec<(u64, u32)>,
}

struct Instance {
    gate: Option<Gate>,
    learner: Option<Learner>,
}

const SECOND: u64 = 1_000_000_000;

impl World {
    fn new(limiter: Limiter, instances: usize) -> Self {
        let instances = (0..instances).map(|_| match limiter {
            Limiter::Nothing => Instance { gate: None, learner: None },
            Limiter::Fixed(limit) => {
                Instance { gate: Some(Gate::new(limit, Shares::ALL)), learner: None }
            }
            Limiter::Adaptive(adaptive) => {
                let learner = Learner::new(adaptive.checked().unwrap(), Instant::from_nanos(0));
                Instance {
                    gate: Some(Gate::new(learner.limit(), Shares::ALL)),
                    learner: Some(learner),
                }
            }
        });
        Self {
            workers: 20,
            busy: 0,
            mean: 10_000_000.0,
            line: VecDeque::new(),
            events: BinaryHeap::new(),
            number: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            instances: instances.collect(),
            done: Vec::new(),
            limits: Vec::new(),
        }
    }

    /// How many calls it can answer in a second.
    fn capacity(&self) -> f64 {
        self.workers as f64 / self.mean * SECOND as f64
    }

    fn uniform(&mut self) -> f64 {
        // xorshift64, which is random enough for times of service.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> u64 {
        (-ln(1.0 - self.uniform()) * mean) as u64
    }

    fn at(&mut self, time: u64, what: What) {
        self.number += 1;
        self.events.push(Reverse((time, self.number, what)));
    }

    /// Half of it is fixed, as it is with most work.
    fn begin(&mut self, now: u64, instance: usize, since: u64) {
        self.busy += 1;
        let mean = self.mean;
        let time = mean / 2.0 + self.exponential(mean / 2.0) as f64;
        self.at(now + time as u64, What::Done(instance, since));
    }

    /// Runs from one second to another, under so many calls a second.
    fn run(&mut self, from: u64, to: u64, rate: f64) {
        let (from, to) = (from * SECOND, to * SECOND);
        self.at(from, What::Arrives);
        while let Some(Reverse((now, _, what))) = self.events.pop() {
            if now >= to {
                // Arrivals begin anew with the next run; calls go on.
                let done = |what: &What| matches!(what, What::Done(..));
                let mut rest: Vec<_> = self.events.drain().map(|it| it.0).collect();
                rest.push((now, 0, what));
                rest.retain(|it| done(&it.2));
                self.events.extend(rest.into_iter().map(Reverse));
                return;
            }
            match what {
                What::Arrives => {
                    let next = now + self.exponential(SECOND as f64 / rate);
                    self.at(next, What::Arrives);
                    let count = self.instances.len() as f64;
                    let instance = (self.uniform() * count) as usize;
                    let gate = &self.instances[instance].gate;
                    if gate.as_ref().is_none_or(|gate| gate.try_take(Priority::Normal)) {
                        if self.busy < self.workers {
                            self.begin(now, instance, now);
                        } else {
                            self.line.push_back((instance, now));
                        }
                    }
                }
                What::Done(instance, since) => {
                    self.done.push((now, now - since));
                    self.busy -= 1;
                    let spread = self.uniform();
                    let Instance { gate, learner } = &self.instances[instance];
                    if let Some(gate) = gate {
                        let limit = learner.as_ref().and_then(|learner| {
                            let (began, now) =
                                (Instant::from_nanos(since), Instant::from_nanos(now));
                            learner.learn(began, now, gate.taken(), || spread)
                        });
                        gate.give_back();
                        if let Some(limit) = limit {
                            gate.set_limit(limit);
                            self.limits.push((now, limit));
                        }
                    }
                    while self.busy < self.workers {
                        let Some((instance, since)) = self.line.pop_front() else {
                            break;
                        };
                        self.begin(now, instance, since);
                    }
                }
            }
        }
    }

    /// How many were done in a second, and how long 99 % of them took at most, in milliseconds.
    fn seen(&self, from: u64, to: u64) -> (f64, f64) {
        let within = |time: u64| (from * SECOND..to * SECOND).contains(&time);
        let mut times: Vec<_> = self.done.iter().filter(|it| within(it.0)).map(|it| it.1).collect();
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or(0);
        (times.len() as f64 / (to - from) as f64, p99 as f64 / 1e6)
    }
}

/// The natural logarithm of a number from 0 to 1, of nothing but sums and products, so that it is
/// the same to the last bit on every machine. That of the system need not be.
fn ln(number: f64) -> f64 {
    let (mut mantissa, mut halvings) = (number, 0.0);
    while mantissa < 0.75 {
        mantissa *= 2.0;
        halvings += 1.0;
    }
    // Twice the series of the inverse hyperbolic tangent.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let (square, mut power, mut sum) = (ratio * ratio, ratio, 0.0);
    for odd in [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0] {
        sum += power / odd;
        power *= square;
    }
    2.0 * sum - halvings * std::f64::consts::LN_2
}

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
    let table: Vec<String> = [
        ("nothing", Limiter::Nothing),
        ("20", Limiter::Fixed(20)),
        ("100", Limiter::Fixed(100)),
        ("`aimd`, 12 ms", AIMD),
        ("`vegas`", VEGAS),
        ("`gradient`", GRADIENT),
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
    let docs = include_str!("../lib.rs");
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
