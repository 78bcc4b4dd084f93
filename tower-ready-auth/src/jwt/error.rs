use std::{borrow::Cow, error::Error, fmt};

use crate::Reason;

/// Why a token was refused.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenError {
    reason: Reason,
    claim: Option<Cow<'static, str>>,
}

impl TokenError {
    pub(crate) const fn new(reason: Reason) -> Self {
        Self { reason, claim: None }
    }

    pub(crate) fn claim(reason: Reason, name: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, claim: Some(name.into()) }
    }

    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The claim that is missing or wrong, if it is one.
    #[must_use]
    pub fn claim_name(&self) -> Option<&str> {
        self.claim.as_deref()
    }
}

impl From<Reason> for TokenError {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token is refused: {}", self.reason)?;
        match &self.claim {
            Some(name) => write!(f, " `{name}`"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenError({self})")
    }
}

impl Error for TokenError {}
