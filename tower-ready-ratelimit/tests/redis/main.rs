//! Limits that instances share over Redis, on every host and by the store itself.

mod cluster;
mod decisions;
mod eviction;
mod hosts;
mod instances;
mod sentinel;
mod support;
#[cfg(feature = "redis-tls")]
mod tls;
mod trips;
