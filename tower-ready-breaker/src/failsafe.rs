use std::{fmt, time::Duration};

use failsafe::failure_policy::{SuccessRateOverTimeWindow, success_rate_over_time_window};
use tower_ready_core::Outcome;

use crate::{BreakerBuilder, ConfigErrorKind, Sample, Trip, TripPolicy};

/// A failure policy of the crate `failsafe` as a rule.
///
/// The policy is failsafe's: it says when the circuit opens and for how long, also when a probe has
/// failed. All else is ours, since failsafe's own state machine lets any number of probes through at
/// once, listens to calls from before, counts a call that was dropped as nothing, and knows no tower.
///
/// Three things to know of what is failsafe's. It reads a clock of its own, which a paused one of
/// tokio's does not rule. Its backoffs panic when they are made for less than a second; an iterator
/// of your own, or our [`Backoff`](crate::Backoff), does as well. And its
/// `success_rate_over_time_window` takes half a second for no time at all: make that one by
/// [`failsafe_success_rate`](BreakerBuilder::failsafe_success_rate), which refuses it.
///
/// ```
/// use std::time::Duration;
/// use failsafe::{backoff, failure_policy};
/// use tower_ready_breaker::{Breaker, FailsafePolicy};
///
/// let breaker = Breaker::builder("orders")
///     .no_failure_rate()
///     .trip_policy(|| {
///         let backoff = backoff::equal_jittered(Duration::from_secs(10), Duration::from_secs(60));
///         FailsafePolicy::new(failure_policy::consecutive_failures(3, backoff))
///     })
///     .build()?;
/// for _ in 0..3 {
///     breaker.try_acquire().unwrap().failure();
/// }
/// assert!(breaker.try_acquire().unwrap_err().retry_after() > Duration::from_secs(4));
/// # Ok::<(), tower_ready_breaker::ConfigError>(())
/// ```
pub struct FailsafePolicy<P>(P);

impl<P> FailsafePolicy<P> {
    /// Takes a policy over.
    pub const fn new(policy: P) -> Self {
        Self(policy)
    }
}

impl<P: failsafe::FailurePolicy + Send + 'static> TripPolicy for FailsafePolicy<P> {
    fn sample(&mut self, sample: &Sample) -> Trip {
        match sample.outcome {
            Outcome::Success => self.0.record_success(),
            Outcome::Failure => {
                if let Some(time) = self.0.mark_dead_on_failure() {
                    return Trip::OpenFor(time);
                }
            }
            Outcome::Ignored | Outcome::RateLimited(_) => {}
        }
        Trip::Stay
    }

    fn reopened(&mut self) -> Option<Duration> {
        self.0.mark_dead_on_failure()
    }

    fn closed(&mut self) {
        self.0.revived();
    }
}

impl BreakerBuilder {
    /// Failsafe's moving average of successes, in place of our share of failures: opens below the
    /// required one, for as long as its backoff says.
    ///
    /// It counts the window in whole seconds, so that half a second would be none at all and one
    /// failure among hundreds would open the circuit; and it says nothing before one whole window
    /// is over. What cannot work is refused by [`build`](Self::build).
    pub fn failsafe_success_rate<I>(
        mut self,
        required: f64,
        min_calls: u32,
        window: Duration,
        backoff: I,
    ) -> Self
    where
        I: Iterator<Item = Duration> + Clone + Send + Sync + 'static,
    {
        if !(required > 0.0 && required <= 1.0) {
            self.refuse(ConfigErrorKind::FailsafeRate);
            return self;
        }
        let day = Duration::from_secs(24 * 60 * 60);
        if window < Duration::from_secs(1) || window > day || window.subsec_nanos() != 0 {
            self.refuse(ConfigErrorKind::FailsafeWindow);
            return self;
        }
        self.no_failure_rate().trip_policy(move || {
            let policy: SuccessRateOverTimeWindow<I> =
                success_rate_over_time_window(required, min_calls, window, backoff.clone());
            FailsafePolicy(policy)
        })
    }
}

impl<P> fmt::Debug for FailsafePolicy<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailsafePolicy(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Breaker, Reason};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn its_policy_opens_and_our_circuit_does_the_rest() {
        let breaker = Breaker::builder("orders")
            .no_failure_rate()
            .trip_policy(|| {
                let times = std::iter::repeat(SECOND * 60);
                FailsafePolicy::new(failsafe::failure_policy::consecutive_failures(3, times))
            })
            .build()
            .unwrap();
        let early = breaker.try_acquire().unwrap();
        for _ in 0..3 {
            breaker.try_acquire().unwrap().failure();
        }
        let snapshot = breaker.snapshot();
        assert_eq!(snapshot.reason, Some(Reason::TripPolicy));
        assert!(snapshot.retry_after.unwrap() > SECOND * 50);
        early.success();
        assert_eq!(breaker.snapshot().stale, 1);
    }

    #[test]
    fn its_backoff_says_for_how_long_also_when_a_probe_has_failed() {
        let breaker = Breaker::builder("orders")
            .no_failure_rate()
            .trip_policy(|| {
                let times = [Duration::ZERO, SECOND * 100, SECOND * 1_000].into_iter();
                FailsafePolicy::new(failsafe::failure_policy::consecutive_failures(1, times))
            })
            .build()
            .unwrap();
        breaker.try_acquire().unwrap().failure();
        let probe = breaker.try_acquire().unwrap();
        assert!(probe.is_probe());
        probe.failure();
        let left = breaker.snapshot().retry_after.unwrap();
        assert!(left > SECOND * 50 && left <= SECOND * 100, "{left:?}");
    }

    #[test]
    fn its_traps_are_refused_when_the_breaker_is_built() {
        let build = |required, window| {
            let builder = Breaker::builder("orders");
            let times = std::iter::repeat(SECOND);
            builder.failsafe_success_rate(required, 5, window, times).build()
        };
        assert!(build(0.8, SECOND * 30).is_ok());
        let kind = |required, window| build(required, window).unwrap_err().kind();
        assert_eq!(kind(0.8, SECOND / 2), ConfigErrorKind::FailsafeWindow);
        assert_eq!(kind(0.8, SECOND * 3 / 2), ConfigErrorKind::FailsafeWindow);
        assert_eq!(kind(0.8, Duration::ZERO), ConfigErrorKind::FailsafeWindow);
        assert_eq!(kind(0.8, Duration::from_secs(u64::MAX)), ConfigErrorKind::FailsafeWindow);
        assert_eq!(kind(0.0, SECOND * 30), ConfigErrorKind::FailsafeRate);
        assert_eq!(kind(1.8, SECOND * 30), ConfigErrorKind::FailsafeRate);
        assert_eq!(kind(f64::NAN, SECOND * 30), ConfigErrorKind::FailsafeRate);
    }
}
