//! The behaviour of the crate, through its public API. One binary, since it links slowly.

mod api_keys;
mod bound;
mod claims;
mod config;
mod differential;
#[cfg(feature = "streams")]
mod expiry;
#[cfg(any(feature = "axum", feature = "tonic"))]
mod extract;
mod hosts;
#[cfg(feature = "jwks-http")]
mod introspection;
#[cfg(feature = "jwks-http")]
mod key_url;
mod keys;
mod layer;
#[cfg(feature = "redis")]
mod redis;
mod routes;
mod secrets;
mod support;
mod tokens;
mod webhook;
