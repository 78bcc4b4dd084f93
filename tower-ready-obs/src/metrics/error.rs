//! What can be wrong with a configuration.

use std::{error::Error, fmt};

/// Metrics were configured in a way that cannot work.
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
    /// The bounds of the buckets are no bounds.
    Buckets,
    /// There is no room for any series, or for more than there can be.
    MaxSeries,
    /// More methods than can be told by name, or one that is none.
    KnownMethods,
    /// A name that Prometheus does not read.
    Name,
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
            ConfigErrorKind::Buckets => {
                "buckets: they have to grow, from more than zero on: use 1 to 64 durations in order, \
                 among them those that you promise"
            }
            ConfigErrorKind::MaxSeries => {
                "max_series: it is zero or more than 500,000: use about ten times the number of \
                 routes"
            }
            ConfigErrorKind::KnownMethods => {
                "known_methods: there are more than 15, or one is no method: use those that your \
                 routes take"
            }
            ConfigErrorKind::Name => {
                "name: it is not [a-zA-Z_:][a-zA-Z0-9_:]*, or is taken: use one such as \
                 `orders_open`, that nothing else has"
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
