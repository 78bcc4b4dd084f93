//! How much callers may ask.

use tower_ready_auth::Principal;
use tower_ready_ratelimit::{
    Head, Policy, Quota, RateLimiter,
    key::{Address, Found, KeyBuf},
};

use crate::flags::{LimitFlags, Refusal, TrustHeader};

/// Who the client is, behind the proxies that are trusted.
pub(super) fn client(flags: &LimitFlags) -> Address {
    // Where each of the hosts leaves the peer's address.
    let client = Address::peer().axum().tonic().trust(&flags.trust_proxy);
    match flags.trust_header {
        TrustHeader::XForwardedFor => client,
        TrustHeader::Forwarded => client.forwarded(),
    }
}

pub(super) fn by_address(quota: Quota, client: Address) -> Result<RateLimiter, Refusal> {
    let limiter = RateLimiter::builder().policy(Policy::new("address", quota).key(client));
    limiter.build().map_err(|error| Refusal::new("--ip-quota", error))
}

pub(super) fn by_principal(quota: Quota) -> Result<RateLimiter, Refusal> {
    let limiter = RateLimiter::builder().policy(Policy::new("principal", quota).key(principal));
    limiter.build().map_err(|error| Refusal::new("--quota", error))
}

/// One bucket for each subject, by whichever of its tokens and keys. Who is nobody has the limit of
/// its address.
fn principal(head: &Head<'_>, key: &mut KeyBuf) -> Found {
    let Some(principal) = Principal::of(head.extensions()) else { return Found::Exempt };
    key.put(principal.subject().as_bytes());
    Found::Key
}
