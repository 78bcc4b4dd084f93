use std::{error::Error, fmt};

use tower_ready_core::LocalRejection;
use tower_ready_problem::Problem;

use crate::types::INVALID_CREDENTIALS;

/// Why a webhook is refused, or cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookError {
    /// A header is not there.
    Missing,
    /// A header is there twice, or is not what it should be.
    Malformed,
    /// It was sent too long ago.
    TooOld,
    /// It was sent in the future.
    TooEarly,
    /// The signature is of another secret or another text.
    BadSignature,
}

impl WebhookError {
    /// What its sender is answered: 401, without a word about what is wrong.
    pub fn problem(self) -> Problem {
        Problem::new(&INVALID_CREDENTIALS).rejected_by(LocalRejection::new("auth", self.as_str()))
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "webhook_missing_header",
            Self::Malformed => "webhook_malformed",
            Self::TooOld => "webhook_too_old",
            Self::TooEarly => "webhook_too_early",
            Self::BadSignature => "webhook_bad_signature",
        }
    }
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "a header of the signature is missing",
            Self::Malformed => "a header of the signature is malformed",
            Self::TooOld => "it was sent too long ago",
            Self::TooEarly => "it was sent in the future",
            Self::BadSignature => "the signature is of another secret or another text",
        })
    }
}

impl Error for WebhookError {}
