//! What can be wrong.

use std::{error::Error, fmt};

use crate::Rejected;

/// A breaker was configured in a way that cannot work.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    name: Box<str>,
}

/// The settings that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The window is shorter than 10 ms, or longer than a day.
    Window,
    /// The window has no buckets, or more than 256.
    Buckets,
    /// The share of failures is no number above 0 and up to 1.
    FailureRate,
    /// The share of slow calls is no number above 0 and up to 1.
    SlowRate,
    /// No call would ever be fast.
    SlowThreshold,
    /// Circuits with keys that were built without slow calls have no room to count them.
    NoSlowCalls,
    /// The shares would count from no calls at all.
    MinCalls,
    /// No failures in a row are always there.
    Consecutive,
    /// There are no open times.
    OpenTimes,
    /// Nothing could probe, or more than 16 at a time.
    Probes,
    /// No probe would have to succeed.
    SuccessesToClose,
    /// A probe would be lost as soon as it is sent.
    ProbeLease,
    /// Every call that is given up would be a failure.
    AbandonAfter,
    /// The factor of the throttle is no number from 1 on.
    Throttle,
    /// There is no room for a single key, or more than for a million.
    Capacity,
    /// The share of circuits that may be open is no number above 0 and up to 1.
    MaxOpenShare,
    /// No rule could ever open the circuit.
    NoRule,
    /// Failsafe counts its window in whole seconds; above a day it is no window any more.
    #[cfg(feature = "failsafe")]
    FailsafeWindow,
    /// The rate that failsafe requires is no number above 0 and up to 1.
    #[cfg(feature = "failsafe")]
    FailsafeRate,
}

impl ConfigError {
    pub(crate) fn new(kind: ConfigErrorKind, name: &str) -> Self {
        Self { kind, name: name.into() }
    }

    /// Which setting is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }

    /// The name of the breaker.
    #[must_use]
    pub fn breaker(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ConfigErrorKind as Kind;

        write!(f, "breaker {:?}: ", self.name)?;
        f.write_str(match self.kind {
            Kind::Window => "window is below 10 ms or above a day: use one such as 10 s",
            Kind::Buckets => "buckets is 0 or above 256: use some such as 10",
            Kind::FailureRate => {
                "failure_rate is no share of calls: use a number above 0 and up to 1, such as 0.5"
            }
            Kind::SlowRate => {
                "the share of slow_calls is none: use a number above 0 and up to 1, such as 0.8"
            }
            Kind::SlowThreshold => "the threshold of slow_calls is zero: every call would be slow",
            Kind::NoSlowCalls => {
                "slow_calls was not set when this breaker with keys was built: set it there"
            }
            Kind::MinCalls => "min_calls is 0: one failure after a quiet night would open it",
            Kind::Consecutive => {
                "consecutive_failures is 0: use 1 or more, or leave it out to switch it off"
            }
            Kind::OpenTimes => "open_for has no times: give at least one",
            Kind::Probes => "probes is 0 or above 16: use some in between",
            Kind::SuccessesToClose => "successes_to_close is 0: use 1 or more",
            Kind::ProbeLease => "probe_lease is zero: use longer than a good call takes",
            Kind::AbandonAfter => {
                "abandon_after is zero: use a time, or never_abandoned() to switch it off"
            }
            Kind::Throttle => "the factor of throttle is below 1: use one such as 2.0",
            Kind::Capacity => "capacity is 0 or above a million: use one for each key in use",
            Kind::MaxOpenShare => {
                "max_open_share is no share of circuits: use a number above 0 and up to 1"
            }
            Kind::NoRule => {
                "no rule can open it: leave failure_rate on, or set consecutive_failures, \
                 slow_calls or trip_policy"
            }
            #[cfg(feature = "failsafe")]
            Kind::FailsafeWindow => {
                "the window of failsafe_success_rate is no whole number of seconds up to a day: use \
                 one such as 30 s"
            }
            #[cfg(feature = "failsafe")]
            Kind::FailsafeRate => {
                "failsafe_success_rate requires no rate: use a number above 0 and up to 1, such as \
                 0.8"
            }
        })
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

impl Error for ConfigError {}

/// A guarded call was not let through, or failed by itself.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum BreakerError<E> {
    /// It was not let through.
    Rejected(Rejected),
    /// It failed with this error.
    Inner(E),
}

impl<E> BreakerError<E> {
    /// The error of the call itself, if it was made.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    /// Why it was not made, if it was not.
    pub const fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for BreakerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for BreakerError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(error) => error.source(),
        }
    }
}
