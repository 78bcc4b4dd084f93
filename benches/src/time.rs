//! Time: differences of interleaved pairs, those that met a quick machine.

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

/// How often all concerns are gone through: a machine that is slow is so for seconds or for minutes.
pub(crate) const PASSES: usize = 3;

/// Short samples and many of them: then what else the machine does spoils some pairs alone.
const SAMPLE: Duration = Duration::from_micros(100);
const PAIRS: usize = 301;

/// The samples of a baseline, or of a case next to its baseline.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Pair>);

#[derive(Clone, Copy, Debug)]
struct Pair {
    /// Zero for a baseline itself.
    bare: f64,
    case: f64,
}

/// Measures the baseline and the cases of each group, in order, for one pass more.
pub(crate) fn measure(groups: &mut [Group], samples: &mut Vec<Samples>) {
    let count = groups.iter().map(|group| 1 + group.cases.len()).sum();
    samples.resize_with(count, Samples::default);
    let mut samples = samples.iter_mut();
    allocation_counter::opt_out(|| {
        for group in groups {
            let baseline = &mut group.baseline.repeat;
            let turns = turns(baseline);
            let alone = (0..PAIRS).map(|_| Pair { bare: 0.0, case: sample(baseline, turns) });
            samples.next().expect("one for each").0.extend(alone);
            for case in &mut group.cases {
                let samples = samples.next().expect("one for each");
                samples.0.extend(pairs(baseline, &mut case.repeat));
            }
        }
    });
}

fn pairs(baseline: &mut Repeat, case: &mut Repeat) -> Vec<Pair> {
    let turns = turns(case);
    let pair = |n: usize| {
        // Each goes first as often as the other.
        if n.is_multiple_of(2) {
            let bare = sample(baseline, turns);
            Pair { bare, case: sample(case, turns) }
        } else {
            let case = sample(case, turns);
            Pair { bare: sample(baseline, turns), case }
        }
    };
    (0..PAIRS).map(pair).collect()
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

impl Samples {
    /// What the quicker half of the pairs says. By the sum of both, so that it prefers neither.
    pub(crate) fn time(&self) -> Time {
        let mut pairs = self.0.clone();
        pairs.sort_by(|a, b| f64::total_cmp(&(a.bare + a.case), &(b.bare + b.case)));
        pairs.truncate(pairs.len().div_ceil(2));
        let mut differences: Vec<_> = pairs.iter().map(|pair| pair.case - pair.bare).collect();
        differences.sort_by(f64::total_cmp);
        let at = |percent: usize| differences[(differences.len() - 1) * percent / 100];
        Time { median: at(50), low: at(10), high: at(90) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_leaves_out_a_tenth_on_either_side() {
        let pair = |n| Pair { bare: 1_000.0 - f64::from(n), case: 1_000.0 };
        let slow = |_| Pair { bare: 1_500.0, case: 2_000.0 };
        let pairs = (0..=100).rev().map(pair).chain((0..100).map(slow));
        let Time { median, low, high } = Samples(pairs.collect()).time();
        assert_eq!([low, median, high], [10.0, 50.0, 90.0]);
    }
}
