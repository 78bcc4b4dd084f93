//! What is asked of credentials that are genuine, each time that they are used.

use crate::{
    Auth, CredentialKind, Dpop, Lookup, Principal, Reason, StoreError, TokenError, binding::Shown,
};

/// Credentials that are good.
pub(crate) struct Good {
    pub(crate) principal: Principal,
    /// Whether nobody could say if they are revoked.
    pub(crate) unchecked: bool,
}

impl Auth {
    /// Whether they are proved, where they have to be, and not revoked.
    pub(crate) fn check(
        &self,
        principal: Principal,
        shown: Shown,
    ) -> Lookup<Result<Good, TokenError>> {
        let dpop = self.0.dpop.as_ref();
        let is_token = principal.kind() != CredentialKind::ApiKey;
        let required = is_token && dpop.is_some_and(Dpop::is_required);
        if let Err(error) = shown.check(&principal, required) {
            return Lookup::Ready(Err(error));
        }
        let (Some(dpop), Some(proof)) = (dpop, &shown.proof) else {
            return self.check_revocation(principal);
        };
        // A proof counts as used only with a token that is good, so nobody fills the list with
        // proofs of nothing.
        let decide = |first: Result<bool, StoreError>| match first {
            Ok(true) => Ok(()),
            Ok(false) => Err(TokenError::from(Reason::BadProof)),
            Err(error) => Err(error.into()),
        };
        match dpop.is_first(proof) {
            Lookup::Ready(first) => match decide(first) {
                Ok(()) => self.check_revocation(principal),
                Err(error) => Lookup::Ready(Err(error)),
            },
            Lookup::Later(first) => {
                let auth = self.clone();
                Lookup::later(async move {
                    decide(first.await)?;
                    auth.check_revocation(principal).wait().await
                })
            }
        }
    }

    fn check_revocation(&self, principal: Principal) -> Lookup<Result<Good, TokenError>> {
        let Some(revocation) = &self.0.revocation else {
            return Lookup::Ready(Ok(Good { principal, unchecked: false }));
        };
        // What has no name cannot be revoked by it.
        if principal.kind() == CredentialKind::Jwt && principal.credential_id().is_none() {
            return Lookup::Ready(Err(TokenError::claim(Reason::MissingClaim, "jti")));
        }
        let fail_open = self.0.fail_open;
        let decide = move |principal, revoked: Result<bool, StoreError>| match revoked {
            Ok(false) => Ok(Good { principal, unchecked: false }),
            Ok(true) => Err(TokenError::whose(Reason::Revoked, &principal)),
            Err(error) => {
                error.log();
                if fail_open {
                    Ok(Good { principal, unchecked: true })
                } else {
                    Err(TokenError::whose(Reason::StoreUnavailable, &principal))
                }
            }
        };
        match revocation.is_revoked(&principal) {
            Lookup::Ready(revoked) => Lookup::Ready(decide(principal, revoked)),
            Lookup::Later(revoked) => {
                Lookup::later(async move { decide(principal, revoked.await) })
            }
        }
    }
}
