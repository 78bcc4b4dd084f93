//! What can be wrong with a configuration.

use std::{error::Error, fmt};

/// A limiter, a store or a key was configured in a way that cannot work.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    policy: Option<Box<str>>,
}

/// What is wrong with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A quota cannot be held.
    Quota(QuotaError),
    /// A store for no keys.
    Capacity,
}

impl ConfigError {
    pub(crate) const fn capacity() -> Self {
        Self {
            kind: ConfigErrorKind::Capacity,
            policy: None,
        }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }

    /// The policy in question, if it is one.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(policy) = self.policy() {
            write!(f, "policy {policy:?}: ")?;
        }
        match self.kind {
            ConfigErrorKind::Quota(error) => write!(f, "quota: {error}"),
            ConfigErrorKind::Capacity => f.write_str(
                "the store has room for no keys: give it one for each caller that may be active at \
                 a time",
            ),
        }
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

impl Error for ConfigError {}

/// Why a [`Quota`](crate::Quota) cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaError {
    /// The count is zero.
    ZeroCount,
    /// The burst is zero.
    ZeroBurst,
    /// The period is zero, or longer than 584 years.
    Period,
    /// A burst takes more than 18 years to refill.
    TooLong,
    /// The rate needs finer parts of a nanosecond than an entry of a store can hold.
    TooFine,
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroCount => "the count is zero, which refuses everything: use at least one",
            Self::ZeroBurst => "the burst is zero, which refuses everything: use at least one",
            Self::Period => "the period is zero or longer than 584 years: use one in between",
            Self::TooLong => {
                "a burst takes more than 18 years to refill: use a shorter period or a smaller burst"
            }
            Self::TooFine => {
                "the rate cannot be held exactly: use a rounder count, so that the reduced fraction \
                 of count and period in nanoseconds has at most 16,777,216 above"
            }
        })
    }
}

impl Error for QuotaError {}
