//! What can be wrong with a configuration.

use std::{error::Error, fmt};

/// A bulkhead was configured in a way that cannot work.
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
    /// No slot at all, or more than can be counted.
    Limit,
    /// A queue for nobody, or for more than can be counted.
    QueueLength,
    /// A queue in which nobody may wait.
    MaxWait,
    /// Shares that are no parts of a whole, or that favour what is less important.
    Shares,
    /// The bounds of an adaptive limit are out of order.
    Limits,
    /// A tolerance that tolerates nothing, or everything.
    Tolerance,
    /// An adaptive limit that is never reconsidered, or always being measured.
    Interval,
    /// Partitions without shares, with one twice, or with shares that are more than the whole.
    Partitions,
    /// Processors that may not be used at all, or wholly.
    Cpu,
    /// How busy the processors are cannot be told here.
    CpuUnknown,
    /// A time to come back after that nobody waits for.
    RetryAfter,
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
            ConfigErrorKind::Limit => {
                "limit: it is zero, which refuses everything, or above two billion: use how many \
                 requests the service can work on at a time"
            }
            ConfigErrorKind::QueueLength => {
                "queue: its length is zero or above two billion: use how many may wait, or leave \
                 the queue out"
            }
            ConfigErrorKind::MaxWait => {
                "queue: nobody may wait for any time: use a wait that a caller accepts, or leave \
                 the queue out"
            }
            ConfigErrorKind::Shares => "shares: they are not in order: use 0 < low <= normal <= 1",
            ConfigErrorKind::Limits => {
                "adaptive: its limits are out of order: use 0 < least <= initial <= most, below two \
                 billion"
            }
            ConfigErrorKind::Tolerance => {
                "adaptive: the tolerance is below 1 or above 100, or no answer is quick enough: use \
                 a tolerance of about 1.25, or a time that answers may take"
            }
            ConfigErrorKind::Interval => {
                "adaptive: the interval is zero, or more than a tenth of probe_every: use some 100 \
                 ms, and some seconds"
            }
            ConfigErrorKind::Partitions => {
                "partitions: their shares are none, twice the same, more than 64, or above 1 \
                 together: use one for each name, which leave something to the others"
            }
            ConfigErrorKind::Cpu => {
                "cpu: it is not between 0 and 1: use the part of the processors that may be in use, \
                 such as 0.9"
            }
            ConfigErrorKind::CpuUnknown => {
                "cpu: /proc/stat cannot be read, as on any system but Linux: use a limit alone"
            }
            ConfigErrorKind::RetryAfter => {
                "retry_after: it is longer than a day: use about the time that a burst lasts"
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
