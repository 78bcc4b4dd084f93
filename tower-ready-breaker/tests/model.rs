//! A circuit does what a machine does that is too simple to be wrong.

mod support;

use std::time::Duration;

use proptest::prelude::*;
use support::builder;
use tower_ready_breaker::{Breaker, Permit, State};
use tower_ready_core::Instant;

const BUCKET: u64 = 1_000_000_000;
const BUCKETS: u64 = 10;
const MIN_CALLS: usize = 5;
const CONSECUTIVE: usize = 4;
const SLOW: Duration = Duration::from_millis(1_500);
const SLOW_RATE: f64 = 0.75;
const TIMES: [u64; 3] = [2, 5, 9];
const PROBES: usize = 2;
const TO_CLOSE: usize = 3;
const LEASE: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Ok,
    Fail,
    Ignore,
    Drop,
}

#[derive(Clone, Debug)]
enum Step {
    Admit,
    Settle(usize, How),
    Advance(u64),
    ForceOpen,
    Disable,
    Auto,
}

/// The reference: a list of samples, a list of probes, no atomics, nothing clever.
#[derive(Debug)]
struct Machine {
    state: State,
    generation: u32,
    samples: Vec<(u64, bool, bool)>,
    in_a_row: usize,
    probes: Vec<(usize, Instant)>,
    successes: usize,
    open_until: Instant,
    openings: usize,
    closed: Option<Instant>,
    calls: Vec<(u32, Instant)>,
}

impl Machine {
    fn new() -> Self {
        Self {
            state: State::Closed,
            generation: 0,
            samples: Vec::new(),
            in_a_row: 0,
            probes: Vec::new(),
            successes: 0,
            open_until: Instant::from_nanos(0),
            openings: 0,
            closed: None,
            calls: Vec::new(),
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
        self.samples.clear();
        self.probes.clear();
        self.successes = 0;
        self.in_a_row = 0;
    }

    fn open(&mut self, now: Instant) {
        let is_quiet = |closed: Instant| now.since(closed) >= Duration::from_secs(10);
        if self.state == State::Closed && self.closed.is_none_or(is_quiet) {
            self.openings = 0;
        }
        let time = TIMES[self.openings.min(TIMES.len() - 1)];
        self.openings += 1;
        self.open_until = now + Duration::from_secs(time);
        self.enter(State::Open);
    }

    /// The call's number, if it may be made.
    fn admit(&mut self, now: Instant) -> Option<usize> {
        if self.state == State::Open && now >= self.open_until {
            self.enter(State::HalfOpen);
        }
        let call = self.calls.len();
        match self.state {
            State::Open | State::ForcedOpen => return None,
            State::HalfOpen => {
                if self.probes.iter().any(|(_, lease)| *lease <= now) {
                    self.open(now);
                    return None;
                }
                if self.probes.len() == PROBES {
                    return None;
                }
                self.probes.push((call, now + LEASE));
            }
            _ => {}
        }
        self.calls.push((self.generation, now));
        Some(call)
    }

    fn settle(&mut self, call: usize, how: How, now: Instant) {
        let (generation, began) = self.calls[call];
        if generation != self.generation {
            return;
        }
        let slow = now.since(began) >= SLOW;
        let how = match how {
            How::Drop if slow => How::Fail,
            How::Drop => How::Ignore,
            how => how,
        };
        if let Some(probe) = self.probes.iter().position(|(probe, _)| *probe == call) {
            self.probes.remove(probe);
            match how {
                How::Ok if !slow => {
                    self.successes += 1;
                    if self.successes == TO_CLOSE {
                        self.closed = Some(now);
                        self.enter(State::Closed);
                    }
                }
                How::Ok | How::Fail => self.open(now),
                How::Ignore | How::Drop => {}
            }
            return;
        }
        let failed = how == How::Fail;
        if how == How::Ignore {
            return;
        }
        self.samples.push((now.as_nanos() / BUCKET, failed, slow));
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        if self.state == State::Closed && (failed || slow) && self.is_bad(now) {
            self.open(now);
        }
    }

    fn window(&self, now: Instant) -> Vec<(bool, bool)> {
        let first = now.as_nanos() / BUCKET - (BUCKETS - 1);
        let samples = self.samples.iter().filter(|(bucket, ..)| *bucket >= first);
        samples.map(|(_, failed, slow)| (*failed, *slow)).collect()
    }

    fn is_bad(&self, now: Instant) -> bool {
        let window = self.window(now);
        let all = window.len();
        let failed = window.iter().filter(|(failed, _)| *failed).count();
        let slow = window.iter().filter(|(_, slow)| *slow).count();
        let share = |part: usize| part as f64 / all as f64;
        let enough = all >= MIN_CALLS;
        self.in_a_row >= CONSECUTIVE
            || (enough && failed > 0 && share(failed) >= 0.5)
            || (enough && slow > 0 && share(slow) >= SLOW_RATE)
    }
}

fn subject() -> Breaker {
    builder()
        .min_calls(MIN_CALLS as u32)
        .consecutive_failures(CONSECUTIVE as u32)
        .slow_calls(SLOW, SLOW_RATE)
        .slow_in_flight(false)
        .open_for(TIMES.map(Duration::from_secs))
        .probes(PROBES as u32)
        .successes_to_close(TO_CLOSE as u8)
        .probe_lease(LEASE)
        .build()
        .unwrap()
}

fn settle(permit: Permit, how: How) {
    match how {
        How::Ok => permit.success(),
        How::Fail => permit.failure(),
        How::Ignore => permit.ignore(),
        How::Drop => drop(permit),
    }
}

async fn play(steps: Vec<Step>) {
    let (breaker, mut machine) = (subject(), Machine::new());
    let mut permits: Vec<(usize, Permit)> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        let now = Instant::now();
        match step.clone() {
            Step::Admit => {
                let call = machine.admit(now);
                let permit = breaker.try_acquire().ok();
                assert_eq!(permit.is_some(), call.is_some(), "step {number}: {machine:?}");
                permits.extend(call.zip(permit));
            }
            Step::Settle(which, how) if !permits.is_empty() => {
                let (call, permit) = permits.swap_remove(which % permits.len());
                machine.settle(call, how, now);
                settle(permit, how);
            }
            Step::Settle(..) => {}
            Step::Advance(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
            Step::ForceOpen => {
                machine.enter(State::ForcedOpen);
                breaker.force_open();
            }
            Step::Disable => {
                machine.enter(State::Disabled);
                breaker.disable();
            }
            Step::Auto => {
                (machine.openings, machine.closed) = (0, Some(now));
                machine.enter(State::Closed);
                breaker.auto();
            }
        }
        let snapshot = breaker.snapshot();
        assert_eq!(snapshot.state, machine.state, "step {number}, {step:?}: {machine:?}");
        assert_eq!(snapshot.generation, machine.generation, "step {number}, {step:?}");
        if matches!(machine.state, State::Closed | State::Disabled) {
            let window = machine.window(Instant::now());
            let failed = window.iter().filter(|(failed, _)| *failed).count();
            assert_eq!(snapshot.window.total() as usize, window.len(), "step {number}, {step:?}");
            assert_eq!(snapshot.window.failures as usize, failed, "step {number}, {step:?}");
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![
        4 => Just(How::Ok),
        4 => Just(How::Fail),
        1 => Just(How::Ignore),
        1 => Just(How::Drop),
    ];
    prop_oneof![
        40 => Just(Step::Admit),
        40 => (any::<usize>(), how).prop_map(|(which, how)| Step::Settle(which, how)),
        6 => (1_u64..300).prop_map(Step::Advance),
        4 => (300_u64..12_000).prop_map(Step::Advance),
        1 => Just(Step::ForceOpen),
        1 => Just(Step::Disable),
        3 => Just(Step::Auto),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn a_circuit_does_what_the_reference_does(
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(steps));
    }
}
