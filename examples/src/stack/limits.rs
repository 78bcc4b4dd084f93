//! How much callers may ask.

use tower_ready_auth::Principal;
use tower_ready_obs::Events;
use tower_ready_ratelimit::{
    Head, Policy, Quota, RateLimiter,
    key::{Address, Found, Key, KeyBuf},
};

use super::buckets::{Buckets, Shared};
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

pub(super) fn by_address(
    quota: Quota,
    client: Address,
    shared: &Shared,
    events: &Events,
) -> Result<RateLimiter<Buckets>, Refusal> {
    limiter("address", "--ip-quota", quota, client, shared, events)
}

pub(super) fn by_principal(
    quota: Quota,
    shared: &Shared,
    events: &Events,
) -> Result<RateLimiter<Buckets>, Refusal> {
    limiter("principal", "--quota", quota, principal, shared, events)
}

fn limiter(
    name: &'static str,
    flag: &str,
    quota: Quota,
    key: impl Key,
    shared: &Shared,
    events: &Events,
) -> Result<RateLimiter<Buckets>, Refusal> {
    let refuse = |error| Refusal::new(flag, error);
    RateLimiter::builder()
        .policy(Policy::new(name, quota).key(key).on_store_error(shared.on_error))
        .on_event(events.clone())
        .secret(shared.secret())
        .with_store(shared.buckets().map_err(refuse)?)
        .build()
        .map_err(refuse)
}

/// One bucket for each subject, by whichever of its tokens and keys. Who is nobody has the limit of
/// its address.
fn principal(head: &Head<'_>, key: &mut KeyBuf) -> Found {
    let Some(principal) = Principal::of(head.extensions()) else { return Found::Exempt };
    key.put(principal.subject().as_bytes());
    Found::Key
}
