//! Rate limiting.

mod error;
mod gcra;
mod hash;
mod head;
pub mod key;
mod quota;
pub mod store;
mod sync;

pub use self::{
    error::{ConfigError, ConfigErrorKind, QuotaError},
    gcra::Level,
    hash::{KeyHash, KeyTag, Secret},
    head::Head,
    quota::Quota,
    store::MemoryStore,
};
