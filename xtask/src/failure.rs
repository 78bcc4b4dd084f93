//! Why a command ends with an exit code other than zero.

use std::fmt;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong: exit code 2, with the usage.
    Usage(String),
    /// Something did not work, in one line.
    Step(String),
    /// The command has said everything already; its last line is meant to stay the last one.
    Reported,
}

impl Failure {
    pub(crate) fn step(message: impl Into<String>) -> Self {
        Self::Step(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Step(message) => f.write_str(message),
            Self::Reported => f.write_str("failed"),
        }
    }
}
