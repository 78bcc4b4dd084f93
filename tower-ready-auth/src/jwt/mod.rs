//! JSON Web Tokens.

mod algorithm;
pub(crate) mod base64url;
mod builder;
pub(crate) mod cache;
pub(crate) mod claims;
pub(crate) mod compact;
mod der;
mod error;
mod header;
#[cfg(feature = "jsonwebtoken")]
mod interop;
pub(crate) mod json;
pub(crate) mod jwk;
mod key;
mod key_set;
mod known;
mod pem;
mod preset;
mod source;
mod token_type;
mod verifier;
mod verify;
mod weak;

#[cfg(feature = "jwks-http")]
pub(crate) use self::claims::has_the_form;
pub(crate) use self::claims::{Claimed, claimed_issuer};
#[cfg(feature = "jwks-http")]
pub use self::source::{KeyUrl, KeyUrlBuilder};
pub use self::{
    algorithm::Algorithm,
    builder::JwtVerifierBuilder,
    error::TokenError,
    key::{Key, KeyError},
    key_set::{KeySet, SkippedKey},
    source::KeySource,
    token_type::TokenType,
    verifier::JwtVerifier,
    verify::verify_compact,
};
