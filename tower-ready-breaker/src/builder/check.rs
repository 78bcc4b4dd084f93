//! What was set, checked.

use std::time::Duration;

use super::{Abandon, BreakerBuilder};
use crate::{
    ConfigError, ConfigErrorKind,
    circuit::{MAX_PROBES, Rules, Span},
    policy::{Live, Policy},
};

impl BreakerBuilder {
    /// A setting that would make another crate panic is refused when the breaker is built.
    #[cfg(feature = "failsafe")]
    pub(crate) fn refuse(&mut self, kind: ConfigErrorKind) {
        self.refused.get_or_insert(kind);
    }

    pub(crate) fn policy(mut self) -> Result<Policy, ConfigError> {
        use ConfigErrorKind as Kind;

        #[cfg(feature = "failsafe")]
        if let Some(kind) = self.refused {
            return Err(ConfigError::new(kind, &self.name));
        }
        let (rules, abandon) = self.rules()?;
        let day = Duration::from_secs(24 * 60 * 60);
        for (is_right, kind) in [
            (self.window >= Duration::from_millis(10) && self.window <= day, Kind::Window),
            ((1..=Span::MAX_BUCKETS).contains(&self.buckets), Kind::Buckets),
            ((1..=MAX_PROBES).contains(&self.probes), Kind::Probes),
            (self.successes_to_close > 0, Kind::SuccessesToClose),
            (!self.probe_lease.is_zero(), Kind::ProbeLease),
            (
                self.throttle.is_none_or(|factor| factor >= 1.0 && factor.is_finite()),
                Kind::Throttle,
            ),
            (rules.has_any() || self.trip.is_some() || self.throttle.is_some(), Kind::NoRule),
        ] {
            if !is_right {
                return Err(ConfigError::new(kind, &self.name));
            }
        }
        let Some(times) = self.times.take() else {
            return Err(ConfigError::new(Kind::OpenTimes, &self.name));
        };
        let span = Span {
            bucket: (self.window.as_nanos() / u128::from(self.buckets)) as u64,
            buckets: self.buckets,
        };
        Ok(Policy {
            name: self.name.into(),
            span,
            times,
            probes: self.probes,
            successes_to_close: self.successes_to_close,
            probe_lease: self.probe_lease,
            stream_after: self.stream_after,
            hint_cap: self.hint_cap,
            ramp: self.ramp,
            throttle: self.throttle,
            slow_to_end: self.slow_to_end,
            watch_flights: self.watch_flights && rules.slow.is_some(),
            counts_slow: rules.slow.is_some(),
            count_rate_limits: self.count_rate_limits,
            honour_rate_limits: self.honour_rate_limits,
            trip: self.trip,
            classify: self.classify,
            fallback: self.fallback,
            observer: self.observer,
            budget: None,
            live: Live::new(rules, abandon),
        })
    }

    /// What can be changed while calls run, checked.
    pub(crate) fn rules(&self) -> Result<(Rules, Option<Duration>), ConfigError> {
        use ConfigErrorKind as Kind;

        let rules = self.rules;
        let is_share = |share: Option<f64>| share.is_none_or(|share| share > 0.0 && share <= 1.0);
        let abandon = match self.abandon {
            Abandon::Default => Some(rules.slow.unwrap_or(Duration::from_secs(1))),
            Abandon::After(time) => Some(time),
            Abandon::Never => None,
        };
        for (is_right, kind) in [
            (is_share(rules.failure_rate), Kind::FailureRate),
            (is_share(rules.slow_rate), Kind::SlowRate),
            (rules.slow != Some(Duration::ZERO), Kind::SlowThreshold),
            (rules.min_calls > 0, Kind::MinCalls),
            (rules.consecutive != Some(0), Kind::Consecutive),
            (abandon != Some(Duration::ZERO), Kind::AbandonAfter),
        ] {
            if !is_right {
                return Err(ConfigError::new(kind, &self.name));
            }
        }
        Ok((rules, abandon))
    }
}
