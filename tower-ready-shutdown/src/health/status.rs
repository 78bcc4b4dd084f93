//! How well something is, and whether that matters.

use std::fmt;

/// How well a service or a check is.
///
/// The words are those of `application/health+json`: `pass`, `warn`, `fail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the draft has these three")]
pub enum Status {
    /// All is well.
    Pass,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

/// What it means for the readiness of an instance that a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Criticality {
    /// No request can be served without it: the instance is not ready.
    Required,
    /// Requests are served, less well: readiness stays, with a warning.
    Degrading,
    /// It is shown and counts for nothing.
    Informative,
}

impl Status {
    /// `pass`, `warn` or `fail`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Criticality {
    /// One word, for labels: `required`, `degrading`, `informative`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Degrading => "degrading",
            Self::Informative => "informative",
        }
    }

    /// How a failure of such a check is shown.
    pub(super) const fn failing(self) -> Status {
        match self {
            Self::Required => Status::Fail,
            Self::Degrading | Self::Informative => Status::Warn,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
