//! Credentials that are good no more.

mod file;
mod list;

pub use self::{file::RevocationFile, list::RevocationList};
use crate::{Lookup, Principal, StoreError};

/// Which credentials are good no more, though their time is not over.
///
/// It is asked for every request, also for a token that was checked before. An error is answered
/// with 503 and lets nobody pass, unless
/// [`fail_open`](crate::AuthBuilder::fail_open) says so.
pub trait Revocation: Send + Sync + 'static {
    /// Whether the credentials of this principal are revoked. What tells them: its
    /// [credential id](Principal::credential_id), its subject together with when it was
    /// [issued](Principal::issued), and its [key id](Principal::key_id).
    fn is_revoked(&self, principal: &Principal) -> Lookup<Result<bool, StoreError>>;
}
