//! What a caller shows besides a token, to prove that it is its own.

mod bound;
mod certificate;
mod dpop;
mod replay;

pub(crate) use self::{
    bound::Bound,
    dpop::{DPOP_NONCE, Proof},
};
pub use self::{
    certificate::ClientCertificate,
    dpop::{Dpop, DpopBuilder},
    replay::{ReplayList, ReplayStore},
};
use crate::{Principal, Reason, TokenError};

/// What came with the token.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// The proof of the scheme `DPoP`; none under `Bearer`.
    pub(crate) proof: Option<Proof>,
    pub(crate) certificate: Option<[u8; 32]>,
}

impl Shown {
    /// Whether a token may be used with that. One that is bound to a key is no good without the
    /// key, or it would be as good to a thief as any other (RFC 9449 §7.1, RFC 8705 §3).
    pub(crate) fn check(&self, principal: &Principal, required: bool) -> Result<(), TokenError> {
        let is_met = match &principal.inner().bound {
            Some(bound) => bound.is_met_by(self) && (self.proof.is_none() || bound.key.is_some()),
            None => self.proof.is_none() && !required,
        };
        is_met.then_some(()).ok_or_else(|| TokenError::whose(Reason::NotProved, principal))
    }
}
