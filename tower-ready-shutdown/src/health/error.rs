//! What can be wrong with a configuration.

use std::{error::Error, fmt};

/// Health was configured in a way that cannot work.
///
/// The text names the check and the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    subject: String,
}

/// What is wrong with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The name of a check cannot stand in a path or a label.
    Name,
    /// Two checks have one name.
    DuplicateName,
    /// A check runs without a pause.
    Interval,
    /// A check has no time at all, or more than from one run to the next.
    Timeout,
    /// No number of passes or failures in a row.
    Threshold,
    /// Results are too old before the next can be there.
    MaxStale,
    /// What is to be checked cannot be: an address, a URL.
    Target,
    /// The runtime may not be late at all.
    StallLimit,
    /// There is no tokio runtime to check things in the background.
    Runtime,
}

impl ConfigError {
    pub(super) fn new(kind: ConfigErrorKind, subject: impl Into<String>) -> Self {
        Self { kind, subject: subject.into() }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match self.kind {
            ConfigErrorKind::Name => write!(
                f,
                "check {subject:?}: the name goes into paths and labels: use 1 to 64 of the \
                 characters A-Z, a-z, 0-9, `.`, `_` and `-`, and not `lifecycle`, which is taken"
            ),
            ConfigErrorKind::DuplicateName => {
                write!(f, "check {subject:?}: two checks have this name: give one another")
            }
            ConfigErrorKind::Interval => {
                write!(f, "check {subject:?}: every: it is zero, which never rests: use seconds")
            }
            ConfigErrorKind::Timeout => write!(
                f,
                "check {subject:?}: timeout: it is zero, or longer than the interval, so that a \
                 hung check would delay the next: use at most the interval"
            ),
            ConfigErrorKind::Threshold => {
                write!(f, "check {subject:?}: rise and fall: zero results prove nothing: use 1")
            }
            ConfigErrorKind::MaxStale => write!(
                f,
                "check {subject:?}: max_stale: it is over before the next result can be there: use \
                 more than interval and timeout together"
            ),
            ConfigErrorKind::Target => f.write_str(subject),
            ConfigErrorKind::StallLimit => {
                f.write_str("stall_limit: it is zero, which no runtime keeps: use some seconds")
            }
            ConfigErrorKind::Runtime => f.write_str(
                "there is no tokio runtime here to check things in the background: build inside of \
                 one, as in an async main",
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
