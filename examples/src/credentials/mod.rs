//! Tokens and API keys of development: what the binary `token` mints, and what a server prints and
//! accepts that was given no keys.

mod api_key;
mod dev;
mod signer;

pub(crate) use self::{
    api_key::api_keys,
    dev::dev_signer,
    signer::{Claims, Signer, in_seconds},
};

/// Whom tokens are issued by and for, unless flags say otherwise.
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "orders";
