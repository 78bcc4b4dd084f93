use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, RwLock},
};

use arc_swap::ArcSwap;

use super::ApiKeyRecord;
use crate::{ConfigError, ConfigErrorKind, Lookup, StoreError, time::Millis, watch::Watch};

/// Where the records of API keys are: in memory, in a file, or wherever you keep them.
pub trait ApiKeyStore: Send + Sync + 'static {
    /// The record of a key, by its public id. An id comes from outside, and may be any text of 16
    /// letters and digits.
    fn find(&self, id: &str) -> Lookup<Result<Option<Arc<ApiKeyRecord>>, StoreError>>;
}

/// Records in memory. A cheap handle: clones are one store.
#[derive(Clone, Default)]
pub struct MemoryKeys(Arc<RwLock<Records>>);

/// Records in a file: a JSON array of them, which is noticed within ten seconds when it changes. A
/// file that is broken or gone changes nothing.
#[derive(Clone)]
pub struct FileKeys {
    records: Arc<ArcSwap<Records>>,
    watch: Watch,
}

type Records = HashMap<Box<str>, Arc<ApiKeyRecord>>;

/// So that one can be replaced while both work.
const LIVE_PER_OWNER: usize = 2;

// === impl MemoryKeys ===

impl MemoryKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    ///
    /// # Errors
    ///
    /// When its owner has two keys already that have not expired, or when the id is taken.
    pub fn insert(&self, record: ApiKeyRecord) -> Result<(), ConfigError> {
        let now = Millis::of(std::time::SystemTime::now());
        let mut records = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_live =
            |other: &&Arc<ApiKeyRecord>| other.owner() == record.owner() && !other.is_over(now);
        if records.values().filter(is_live).count() >= LIVE_PER_OWNER {
            return Err(ConfigError::new(ConfigErrorKind::ThirdKey).about(record.owner()));
        }
        if records.contains_key(record.id()) {
            return Err(ConfigError::new(ConfigErrorKind::DuplicateKey).about(record.id()));
        }
        records.insert(record.id().into(), Arc::new(record));
        Ok(())
    }

    /// Takes a key away, and says whether it was there. The next request with it is refused.
    #[expect(clippy::must_use_candidate, reason = "the key is gone either way")]
    pub fn remove(&self, id: &str) -> bool {
        let mut records = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        records.remove(id).is_some()
    }

    fn len(&self) -> usize {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner()).len()
    }
}

impl ApiKeyStore for MemoryKeys {
    fn find(&self, id: &str) -> Lookup<Result<Option<Arc<ApiKeyRecord>>, StoreError>> {
        let records = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        Lookup::Ready(Ok(records.get(id).cloned()))
    }
}

impl fmt::Debug for MemoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryKeys({})", self.len())
    }
}

// === impl FileKeys ===

impl FileKeys {
    /// The records in this file.
    ///
    /// # Errors
    ///
    /// When it cannot be read now, is no array of records, or has one id twice.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let records = Arc::new(ArcSwap::from_pointee(Records::new()));
        let kept = Arc::clone(&records);
        let watch = Watch::start(path.as_ref(), move |content| {
            let mut records = Records::new();
            for record in ApiKeyRecord::array_from_json(content)? {
                let id = record.id().to_owned();
                if records.insert(id.as_str().into(), Arc::new(record)).is_some() {
                    return Err(ConfigError::new(ConfigErrorKind::DuplicateKey).about(&id));
                }
            }
            kept.store(Arc::new(records));
            Ok(())
        })?;
        Ok(Self { records, watch })
    }

    /// Looks at the file now, instead of at the next of its turns.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; the records stay as they are.
    pub fn reread(&self) -> Result<(), ConfigError> {
        self.watch.check()
    }
}

impl ApiKeyStore for FileKeys {
    fn find(&self, id: &str) -> Lookup<Result<Option<Arc<ApiKeyRecord>>, StoreError>> {
        Lookup::Ready(Ok(self.records.load().get(id).cloned()))
    }
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeys")
            .field("file", &self.watch)
            .field("records", &self.records.load().len())
            .finish()
    }
}
