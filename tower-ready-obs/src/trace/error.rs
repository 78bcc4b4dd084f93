use std::{error::Error, fmt};

/// A policy was configured in a way that cannot work.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct TracingError {
    kind: TracingErrorKind,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TracingErrorKind {
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

impl TracingError {
    pub(crate) const fn new(kind: TracingErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &TracingErrorKind {
        &self.kind
    }
}

impl fmt::Display for TracingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TracingErrorKind::Ratio(setting) => {
                write!(f, "{setting}: it is no share: use 0.0 for none, 1.0 for all, or between")
            }
            TracingErrorKind::Slow => f.write_str(
                "slow: it is zero, which makes every request slow: use the time that nobody should \
                 wait",
            ),
            TracingErrorKind::Header(name) => {
                write!(f, "header: {name:?} is no name of a header: use one such as \"user-agent\"")
            }
            TracingErrorKind::SecretHeader(name) => write!(
                f,
                "header: {name:?} holds what lets others in: log the id of who calls instead, which \
                 the audit events of authentication have"
            ),
            TracingErrorKind::Query(name) => write!(
                f,
                "query: {name:?} is no name of a parameter: use one without &, = and control \
                 characters"
            ),
            TracingErrorKind::Baggage(key) => write!(
                f,
                "baggage: {key:?} is no key: use letters, digits and the signs of a token (RFC 9110 \
                 §5.6.2)"
            ),
        }
    }
}

impl fmt::Debug for TracingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TracingError({self})")
    }
}

impl Error for TracingError {}
