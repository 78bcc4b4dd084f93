//! What the instances recorded, and the worst of all windows in it.

use super::{BURST, RATE};

/// One decision: within these microseconds it was made.
#[derive(Clone, Copy, Debug)]
struct Decision {
    caller: usize,
    before: u64,
    after: u64,
    passed: bool,
    degraded: bool,
}

pub(crate) struct Trace {
    decisions: Vec<Decision>,
    trips: u64,
    asked: u64,
}

impl Trace {
    pub(crate) fn read(lines: impl Iterator<Item = String>) -> Self {
        let mut trace = Self { decisions: Vec::new(), trips: 0, asked: 0 };
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().expect("it is a number");
            if words[0] == "stats" {
                trace.asked += number(1);
                trace.trips += number(2);
                continue;
            }
            trace.decisions.push(Decision {
                caller: number(0) as usize,
                before: number(1),
                after: number(2),
                passed: number(3) == 1,
                degraded: number(4) == 1,
            });
        }
        assert!(trace.decisions.len() > 1_000, "there was no load");
        trace
    }

    /// In no window was more admitted than so many and what the rate earns in it.
    pub(crate) fn assert_within(&self, burst: f64) {
        for caller in 0..2 {
            let worst = self.worst(caller);
            println!("  at most {worst:.0} of {burst} at once, {:?}", self.totals());
            assert!(
                worst <= burst + 1e-6,
                "{worst} > {burst} beyond the rate, {:?}",
                self.totals()
            );
        }
    }

    /// At least such a part was admitted of what one bucket would have admitted of the same requests,
    /// at the times at which they were decided: a busy machine asks for less at times, and what a
    /// full bucket does not get is nobody's loss.
    pub(crate) fn assert_at_least(&self, part: f64) {
        for caller in 0..2 {
            let mut decisions: Vec<_> =
                self.decisions.iter().filter(|it| it.caller == caller).collect();
            decisions.sort_unstable_by_key(|it| it.after);
            let (mut due, mut level, mut last) = (0.0, BURST as f64, decisions[0].after);
            for decision in &decisions {
                let earned = RATE as f64 * (decision.after - last) as f64 / 1e6;
                (level, last) = ((level + earned).min(BURST as f64), decision.after);
                if level >= 1.0 {
                    (level, due) = (level - 1.0, due + 1.0);
                }
            }
            let passed = decisions.iter().filter(|it| it.passed).count() as f64;
            println!("  {passed} of {due} that one bucket would have admitted");
            assert!(passed >= part * due, "{passed} of {due}, {:?}", self.totals());
        }
    }

    pub(crate) fn degraded(&self) -> usize {
        self.decisions.iter().filter(|it| it.degraded).count()
    }

    /// Whether some of the last decisions were Redis's again.
    pub(crate) fn recovered(&self) -> bool {
        let end = self.decisions.iter().map(|it| it.after).max().unwrap();
        let mut last = self.decisions.iter().filter(|it| it.before + 1_500_000 > end);
        last.any(|it| it.passed && !it.degraded)
    }

    pub(crate) fn is_of_few_trips(&self) -> bool {
        self.trips * 5 < self.asked
    }

    /// Decisions, those that passed, those without Redis, and trips.
    pub(crate) fn totals(&self) -> (usize, usize, usize, u64) {
        let passed = self.decisions.iter().filter(|it| it.passed).count();
        (self.decisions.len(), passed, self.degraded(), self.trips)
    }

    /// The most that was admitted in a window beyond what the rate earns in it. A decision is in a
    /// window when it surely was made in it: it began after the window did and ended before.
    fn worst(&self, caller: usize) -> f64 {
        let mut passed: Vec<_> =
            self.decisions.iter().filter(|it| it.caller == caller && it.passed).collect();
        let mut begins: Vec<u64> = passed.iter().map(|it| it.before).collect();
        begins.sort_unstable();
        let origin = begins[0];
        let earned = |at: u64| RATE as f64 * (at - origin) as f64 / 1e6;
        // For each beginning of a window: what is in it, and what is earned until it begins.
        let mut windows = Maxima::new(begins.len());
        passed.sort_unstable_by_key(|it| it.after);
        let (mut worst, mut begun) = (f64::MIN, 0);
        for decision in passed {
            while let Some(begin) = begins.get(begun).filter(|at| **at <= decision.after) {
                windows.set(begun, earned(*begin));
                begun += 1;
            }
            let later = begins.partition_point(|at| *at <= decision.before);
            windows.add_before(later, 1.0);
            worst = worst.max(windows.most() - earned(decision.after));
        }
        worst
    }
}

/// Numbers of which the first so many can be raised, and the largest be told.
struct Maxima {
    size: usize,
    most: Vec<f64>,
    raised: Vec<f64>,
}

impl Maxima {
    fn new(length: usize) -> Self {
        let size = length.next_power_of_two();
        Self { size, most: vec![f64::NEG_INFINITY; 2 * size], raised: vec![0.0; 2 * size] }
    }

    fn set(&mut self, at: usize, number: f64) {
        let mut at = self.size + at;
        self.most[at] = number;
        while at > 1 {
            at /= 2;
            self.most[at] = self.most[2 * at].max(self.most[2 * at + 1]) + self.raised[at];
        }
    }

    fn most(&self) -> f64 {
        self.most[1]
    }

    fn add_before(&mut self, end: usize, by: f64) {
        self.add(1, 0, self.size, end, by);
    }

    fn add(&mut self, at: usize, from: usize, to: usize, end: usize, by: f64) {
        if end >= to {
            self.most[at] += by;
            self.raised[at] += by;
        } else if end > from {
            let middle = from.midpoint(to);
            self.add(2 * at, from, middle, end, by);
            self.add(2 * at + 1, middle, to, end, by);
            self.most[at] = self.most[2 * at].max(self.most[2 * at + 1]) + self.raised[at];
        }
    }
}
