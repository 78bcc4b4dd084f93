//! What can be wrong with a configuration.

use std::{error::Error, fmt};

/// A policy was configured in a way that cannot work.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
}

/// What is wrong with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// No time at all for a request.
    Timeout,
    /// Callers may ask for less than they get without asking.
    Cap,
    /// A request needs more than it may take.
    Floor,
    /// A body may not be silent for any time.
    Idle,
    /// No time at all for an attempt.
    Attempt,
    /// The margin leaves nothing of an attempt.
    Margin,
}

impl ConfigError {
    pub(crate) const fn new(kind: ConfigErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ConfigErrorKind::Timeout => {
                "timeout: it is zero, which gives every request up: use the longest time that a \
                 caller should wait"
            }
            ConfigErrorKind::Cap => {
                "cap: it is shorter than the timeout, so that asking for more would give less: use \
                 at least the timeout"
            }
            ConfigErrorKind::Floor => {
                "floor: it is no shorter than the timeout, which refuses every deadline: use the \
                 time that the quickest answer takes"
            }
            ConfigErrorKind::Idle => {
                "idle or upload_idle: it is zero, which breaks every stream off: use a time above the \
                 longest pause between two frames"
            }
            ConfigErrorKind::Attempt => {
                "attempt: it is zero, which gives every call up: use the longest time that one \
                 attempt may take"
            }
            ConfigErrorKind::Margin => {
                "margin: it is no shorter than the attempt, which leaves nothing to the server: \
                 use about the time of one way there and back"
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
