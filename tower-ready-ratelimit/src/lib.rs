//! Rate limiting.

mod error;
mod gcra;
mod hash;
mod quota;
pub mod store;
mod sync;

pub use self::{
    error::{ConfigError, ConfigErrorKind, QuotaError},
    gcra::Level,
    hash::{KeyHash, KeyTag, Secret},
    quota::Quota,
    store::MemoryStore,
};
