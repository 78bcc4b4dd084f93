//! When a circuit opens.

use std::time::Duration;

use super::window::{Counts, share};

/// The rules; any of them opens the circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rules {
    /// The share of failures from which on it opens.
    pub(crate) failure_rate: Option<f64>,
    /// The share of slow calls from which on it opens.
    pub(crate) slow_rate: Option<f64>,
    /// What is slow.
    pub(crate) slow: Option<Duration>,
    /// The shares mean nothing of fewer calls.
    pub(crate) min_calls: u32,
    /// So many failures with no success between them.
    pub(crate) consecutive: Option<u32>,
}

/// Why a circuit opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Too large a share of the calls failed.
    FailureRate,
    /// So many calls failed with no success between them.
    ConsecutiveFailures,
    /// Too large a share of the calls was slow, or is still in flight after that time.
    SlowCalls,
    /// A policy of your own said so.
    TripPolicy,
    /// The peer asked for less, and this is honoured.
    RateLimited,
    /// A probe failed, was slow or was turned away.
    ProbeFailed,
    /// A probe did not come back in time.
    ProbeLost,
}

impl Reason {
    /// One word, for labels: `failure_rate`, `consecutive_failures`, `slow_calls`, `trip_policy`,
    /// `rate_limited`, `probe_failed`, `probe_lost`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::SlowCalls => "slow_calls",
            Self::TripPolicy => "trip_policy",
            Self::RateLimited => "rate_limited",
            Self::ProbeFailed => "probe_failed",
            Self::ProbeLost => "probe_lost",
        }
    }
}

impl Rules {
    /// Whether anything could open the circuit.
    pub(crate) const fn has_any(&self) -> bool {
        self.failure_rate.is_some() || self.consecutive.is_some() || self.slow_rate.is_some()
    }

    /// Whether the circuit opens by what has been counted, and by calls that are late already.
    pub(crate) fn judge(&self, counts: &Counts, late: u64, consecutive: u32) -> Option<Reason> {
        if self.consecutive.is_some_and(|most| consecutive >= most) {
            return Some(Reason::ConsecutiveFailures);
        }
        let enough = |calls: u64| calls >= u64::from(self.min_calls);
        let reached = |limit: Option<f64>, part, whole| {
            limit.is_some_and(|limit| enough(whole) && part > 0 && share(part, whole) >= limit)
        };
        if reached(self.failure_rate, counts.failures, counts.total()) {
            return Some(Reason::FailureRate);
        }
        let slow = counts.slow + late;
        reached(self.slow_rate, slow, counts.total() + late).then_some(Reason::SlowCalls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        failure_rate: Some(0.5),
        slow_rate: Some(0.8),
        slow: Some(Duration::from_secs(1)),
        min_calls: 10,
        consecutive: Some(5),
    };

    fn counts(successes: u64, failures: u64, slow: u64) -> Counts {
        Counts { successes, failures, slow, ..Counts::default() }
    }

    #[test]
    fn shares_need_enough_calls_and_failures_in_a_row_do_not() {
        assert_eq!(RULES.judge(&counts(0, 9, 0), 0, 0), None);
        assert_eq!(RULES.judge(&counts(0, 10, 0), 0, 0), Some(Reason::FailureRate));
        assert_eq!(RULES.judge(&counts(6, 5, 0), 0, 0), None);
        assert_eq!(RULES.judge(&counts(5, 5, 0), 0, 0), Some(Reason::FailureRate));
        assert_eq!(RULES.judge(&counts(100, 5, 0), 0, 5), Some(Reason::ConsecutiveFailures));
    }

    #[test]
    fn calls_that_are_late_count_as_slow_ones() {
        assert_eq!(RULES.judge(&counts(10, 0, 7), 0, 0), None);
        assert_eq!(RULES.judge(&counts(10, 0, 8), 0, 0), Some(Reason::SlowCalls));
        assert_eq!(RULES.judge(&counts(0, 0, 0), 9, 0), None);
        assert_eq!(RULES.judge(&counts(0, 0, 0), 10, 0), Some(Reason::SlowCalls));
        assert_eq!(RULES.judge(&counts(2, 0, 0), 8, 0), Some(Reason::SlowCalls));
    }
}
