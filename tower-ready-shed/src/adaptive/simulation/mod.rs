//! A service of known capacity, simulated: it works on so many requests at a time, and lets the
//! others wait inside of it. Nothing here depends on the machine or on the time of day.

mod limiter;
mod peers;
mod tests;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use self::limiter::{Instance, Limiter};

/// What happens when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrives,
    /// A worker is done with this call.
    Done(Call),
}

/// A call: the instance that it came through, when, and which of its calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    instance: usize,
    since: u64,
    number: u64,
}

struct World {
    workers: usize,
    busy: usize,
    mean: f64,
    /// Calls inside of the service that no worker has yet.
    line: VecDeque<Call>,
    events: BinaryHeap<Reverse<(u64, u64, What)>>,
    number: u64,
    random: u64,
    instances: Vec<Instance>,
    /// When each call was done, and how long it took.
    done: Vec<(u64, u64)>,
    limits: Vec<(u64, u32)>,
}

const SECOND: u64 = 1_000_000_000;

impl World {
    fn new(limiter: Limiter, instances: usize) -> Self {
        Self {
            workers: 20,
            busy: 0,
            mean: 10_000_000.0,
            line: VecDeque::new(),
            events: BinaryHeap::new(),
            number: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            instances: (0..instances).map(|_| limiter.instance()).collect(),
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
    fn begin(&mut self, now: u64, call: Call) {
        self.busy += 1;
        let mean = self.mean;
        let time = mean / 2.0 + self.exponential(mean / 2.0) as f64;
        self.at(now + time as u64, What::Done(call));
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
                    if let Some(number) = self.instances[instance].admit() {
                        let call = Call { instance, since: now, number };
                        if self.busy < self.workers {
                            self.begin(now, call);
                        } else {
                            self.line.push_back(call);
                        }
                    }
                }
                What::Done(call) => {
                    self.done.push((now, now - call.since));
                    self.busy -= 1;
                    let spread = self.uniform();
                    let limit = self.instances[call.instance].done(call, now, spread);
                    self.limits.extend(limit.map(|limit| (now, limit)));
                    while self.busy < self.workers {
                        let Some(call) = self.line.pop_front() else {
                            break;
                        };
                        self.begin(now, call);
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
