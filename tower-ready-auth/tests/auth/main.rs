//! The behaviour of the crate, through its public API. One binary, since it links slowly.

mod api_keys;
mod bound;
mod callers;
mod claims;
mod config;
mod credentials;
mod differential;
#[cfg(feature = "streams")]
mod expiry;
#[cfg(any(feature = "axum", feature = "tonic"))]
mod extract;
#[cfg(feature = "jwks-http")]
mod introspection;
#[cfg(feature = "jwks-http")]
mod key_url;
mod keys;
mod layer;
mod observer;
mod policies;
#[cfg(feature = "redis")]
mod redis;
mod revoked;
mod routes;
mod secrets;
#[cfg(feature = "streams")]
mod stream_ends;
mod support;
mod throttle;
mod tokens;
mod webhook;
