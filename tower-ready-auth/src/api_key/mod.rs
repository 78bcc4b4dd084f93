//! API keys.

mod format;
mod keys;
mod record;
mod store;

use std::fmt;

pub use self::{
    keys::{ApiKeys, ApiKeysBuilder},
    record::ApiKeyRecord,
    store::{ApiKeyStore, FileKeys, MemoryKeys},
};

/// A new key, to be shown to its owner once.
///
/// It is not in its `Debug`, and has no `Display`, so that it does not get into a log by a slip.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Box<str>);

impl ApiKey {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}
