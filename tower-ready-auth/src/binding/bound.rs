//! Tokens that are good only together with a key of their holder (RFC 7800, RFC 8705, RFC 9449).

use super::Shown;
use crate::{
    Reason, TokenError,
    jwt::{base64url, json::Json},
};

/// The key that a token is bound to, by its `cnf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    /// `jkt`: the thumbprint of the key of DPoP proofs (RFC 9449 §6.1).
    pub(crate) key: Option<[u8; 32]>,
    /// `x5t#S256`: the digest of the certificate of the client (RFC 8705 §3.1).
    pub(crate) certificate: Option<[u8; 32]>,
}

impl Bound {
    /// Reads a `cnf`. A binding that is not understood cannot be proved.
    pub(crate) fn of(claim: &Json<'_>) -> Result<Self, TokenError> {
        let bad = || TokenError::claim(Reason::BadClaim, "cnf");
        let mut it = Self::default();
        for (name, value) in claim.as_object().ok_or_else(bad)?.iter() {
            let digest = || {
                let digest = base64url::decode(value.as_str()?.as_bytes())?;
                digest.try_into().ok()
            };
            match name {
                "jkt" => it.key = Some(digest().ok_or_else(bad)?),
                "x5t#S256" => it.certificate = Some(digest().ok_or_else(bad)?),
                _ => return Err(bad()),
            }
        }
        if it == Self::default() { Err(bad()) } else { Ok(it) }
    }

    /// Whether all that it asks for was shown.
    pub(super) fn is_met_by(&self, shown: &Shown) -> bool {
        let key = shown.proof.map(|proof| proof.key);
        self.key.is_none_or(|bound| key == Some(bound))
            && self.certificate.is_none_or(|bound| shown.certificate == Some(bound))
    }
}
