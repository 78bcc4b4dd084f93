//! Time: differences of interleaved pairs.

use std::time::Duration;

use tower_ready_core::Instant;

use crate::{Group, Repeat};

/// Nanoseconds for one turn: of a baseline as they are, of a case beyond its baseline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub(crate) median: f64,
    /// 10 % of the pairs are below.
    pub(crate) low: f64,
    /// 10 % of the pairs are above.
    pub(crate) high: f64,
}

/// Short samples and many of them: then what else the machine does spoils some pairs, and the
/// median does not see it.
const SAMPLE: Duration = Duration::from_micros(100);
const PAIRS: usize = 501;

/// Measures the baseline and the cases of each group, in order.
pub(crate) fn measure(groups: &mut [Group]) -> Vec<Time> {
    let mut times = Vec::new();
    allocation_counter::opt_out(|| {
        for group in groups {
            let baseline = &mut group.baseline.repeat;
            let turns = turns(baseline);
            let mut alone: Vec<_> = (0..PAIRS).map(|_| sample(baseline, turns)).collect();
            times.push(Time::of(&mut alone));
            for case in &mut group.cases {
                times.push(difference(baseline, &mut case.repeat));
            }
        }
    });
    times
}

fn difference(baseline: &mut Repeat, case: &mut Repeat) -> Time {
    let turns = turns(case);
    let pair = |n: usize| {
        // Each goes first as often as the other.
        if n.is_multiple_of(2) {
            let bare = sample(baseline, turns);
            sample(case, turns) - bare
        } else {
            sample(case, turns) - sample(baseline, turns)
        }
    };
    Time::of(&mut (0..PAIRS).map(pair).collect::<Vec<_>>())
}

/// How many turns fill a sample. It warms up on the way.
fn turns(repeat: &mut Repeat) -> u64 {
    let mut turns = 1;
    loop {
        let start = Instant::now();
        repeat.run(turns);
        if Instant::now().since(start) >= SAMPLE {
            return turns;
        }
        turns *= 2;
    }
}

fn sample(repeat: &mut Repeat, turns: u64) -> f64 {
    let start = Instant::now();
    repeat.run(turns);
    Instant::now().since(start).as_nanos() as f64 / turns as f64
}

impl Time {
    fn of(samples: &mut [f64]) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
        Self { median: at(50), low: at(10), high: at(90) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_leaves_out_a_tenth_on_either_side() {
        let mut samples: Vec<_> = (0..=100).rev().map(f64::from).collect();
        let Time { median, low, high } = Time::of(&mut samples);
        assert_eq!([low, median, high], [10.0, 50.0, 90.0]);
    }
}
