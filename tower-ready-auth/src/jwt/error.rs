use std::{borrow::Cow, error::Error, fmt};

use crate::{Principal, Reason};

/// Why a token or an API key was refused.
#[derive(Clone)]
pub struct TokenError {
    reason: Reason,
    claim: Option<Cow<'static, str>>,
    principal: Option<Principal>,
}

impl TokenError {
    pub(crate) const fn new(reason: Reason) -> Self {
        Self { reason, claim: None, principal: None }
    }

    pub(crate) fn claim(reason: Reason, name: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, claim: Some(name.into()), principal: None }
    }

    /// Names whose credentials they are, for the audit.
    pub(crate) fn whose(reason: Reason, principal: &Principal) -> Self {
        Self { reason, claim: None, principal: Some(principal.clone()) }
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

    /// Whose credentials they are, where they are genuine and refused all the same: revoked, or an
    /// API key out of its time or its place.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
}

impl PartialEq for TokenError {
    fn eq(&self, other: &Self) -> bool {
        (self.reason, &self.claim) == (other.reason, &other.claim)
    }
}

impl Eq for TokenError {}

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
