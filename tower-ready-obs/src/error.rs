use std::{error::Error, fmt};

/// Metrics, or ids and logs, were configured in a way that cannot work.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A share of the requests that is not between none and all.
    Ratio(&'static str),
    /// Every request would be slow.
    Slow,
    /// No name of a header.
    Header(String),
    /// A header that holds secrets.
    SecretHeader(String),
    /// No name of a parameter of a query.
    Query(String),
    /// No key of baggage.
    Baggage(String),
}

impl ConfigError {
    pub(crate) const fn new(kind: ConfigErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &ConfigErrorKind {
        &self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ConfigErrorKind::Buckets => f.write_str(
                "buckets: they have to grow, from more than zero on: use 1 to 64 durations in order, \
                 among them those that you promise",
            ),
            ConfigErrorKind::MaxSeries => f.write_str(
                "max_series: it is zero or more than 500,000: use about ten times the number of \
                 routes",
            ),
            ConfigErrorKind::KnownMethods => f.write_str(
                "known_methods: there are more than 15, or one is no method: use those that your \
                 routes take",
            ),
            ConfigErrorKind::Name => f.write_str(
                "name: it is not [a-zA-Z_:][a-zA-Z0-9_:]*, or is taken: use one such as \
                 `orders_open`, that nothing else has",
            ),
            ConfigErrorKind::Ratio(setting) => {
                write!(f, "{setting}: it is no share: use 0.0 for none, 1.0 for all, or between")
            }
            ConfigErrorKind::Slow => f.write_str(
                "slow: it is zero, which makes every request slow: use the time that nobody should \
                 wait",
            ),
            ConfigErrorKind::Header(name) => {
                write!(f, "header: {name:?} is no name of a header: use one such as \"user-agent\"")
            }
            ConfigErrorKind::SecretHeader(name) => write!(
                f,
                "header: {name:?} holds what lets others in: log the id of who calls instead, which \
                 the audit events of authentication have"
            ),
            ConfigErrorKind::Query(name) => write!(
                f,
                "query: {name:?} is no name of a parameter: use one without &, = and control \
                 characters"
            ),
            ConfigErrorKind::Baggage(key) => write!(
                f,
                "baggage: {key:?} is no key: use letters, digits and the signs of a token (RFC 9110 \
                 §5.6.2)"
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
