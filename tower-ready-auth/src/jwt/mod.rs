//! JSON Web Tokens.

mod algorithm;
mod base64url;
mod builder;
mod cache;
mod claims;
mod compact;
mod der;
mod error;
mod header;
#[cfg(feature = "jsonwebtoken")]
mod interop;
pub(crate) mod json;
mod jwk;
mod key;
mod key_set;
mod pem;
mod preset;
mod source;
mod token_type;
mod verifier;
mod verify;
mod weak;

pub(crate) use self::claims::claimed_issuer;
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
