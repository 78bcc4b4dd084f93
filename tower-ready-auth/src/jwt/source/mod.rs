//! Where keys come from.

#[cfg(feature = "jwks-http")]
mod url;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwapOption, Guard};

#[cfg(feature = "jwks-http")]
pub use self::url::{KeyUrl, KeyUrlBuilder};
use super::{Key, KeySet};
use crate::{ConfigError, watch::Watch};

/// Where a verifier gets its keys from. A cheap handle, which also tells how it stands with them.
///
/// A [`KeySet`] or a [`Key`] that does not change is one, and so is a
#[cfg_attr(feature = "jwks-http", doc = "[file](Self::file) or a [`KeyUrl`].")]
#[cfg_attr(not(feature = "jwks-http"), doc = "[file](Self::file).")]
#[derive(Clone)]
pub struct KeySource {
    current: Arc<Current>,
    origin: Origin,
}

#[derive(Clone)]
enum Origin {
    Fixed,
    File(Watch),
    #[cfg(feature = "jwks-http")]
    Url(KeyUrl),
}

/// The keys in use. Requests read them without a lock.
#[derive(Default)]
pub(crate) struct Current {
    snapshot: ArcSwapOption<Snapshot>,
    generation: AtomicU64,
}

/// A set of keys, and the how manieth it is.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) keys: KeySet,
    pub(crate) generation: u64,
}

// === impl KeySource ===

impl KeySource {
    /// A JWK set in a file, which is noticed within ten seconds when it changes. A file that is
    /// broken, empty or gone changes nothing: the last good set stays.
    ///
    /// # Errors
    ///
    /// When there is no good set in it now.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let current = Arc::new(Current::default());
        let kept = Arc::clone(&current);
        let watch = Watch::start(path.as_ref(), move |content| {
            kept.set(KeySet::from_jwks(content)?);
            Ok(())
        })?;
        Ok(Self { current, origin: Origin::File(watch) })
    }

    /// The keys in use, or none if none have come yet or the last are too old.
    #[must_use]
    pub fn keys(&self) -> Option<KeySet> {
        self.load().as_ref().map(|snapshot| snapshot.keys.clone())
    }

    /// Whether there are keys, so that a service may be called ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.load().is_some()
    }

    /// Looks at the file now, instead of at the next of its turns.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; the keys stay as they are.
    pub fn reread(&self) -> Result<(), ConfigError> {
        match &self.origin {
            Origin::File(watch) => watch.check(),
            _ => Ok(()),
        }
    }

    pub(crate) fn load(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.current.load()
    }

    /// What could bring a key that is not in the set.
    #[cfg(feature = "jwks-http")]
    pub(crate) const fn url(&self) -> Option<&KeyUrl> {
        match &self.origin {
            Origin::Url(url) => Some(url),
            _ => None,
        }
    }
}

impl From<KeySet> for KeySource {
    fn from(keys: KeySet) -> Self {
        let current = Current::default();
        current.set(keys);
        Self { current: Arc::new(current), origin: Origin::Fixed }
    }
}

impl From<Key> for KeySource {
    fn from(key: Key) -> Self {
        KeySet::from(key).into()
    }
}

#[cfg(feature = "jwks-http")]
impl From<KeyUrl> for KeySource {
    fn from(url: KeyUrl) -> Self {
        Self { current: Arc::clone(url.current()), origin: Origin::Url(url) }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = f.debug_struct("KeySource");
        match &self.origin {
            Origin::Fixed => it.field("from", &"memory"),
            Origin::File(watch) => it.field("from", watch),
            #[cfg(feature = "jwks-http")]
            Origin::Url(url) => it.field("from", url),
        };
        it.field("keys", &self.keys()).finish()
    }
}

// === impl Current ===

impl Current {
    pub(crate) fn load(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.snapshot.load()
    }

    /// Takes a new set. The same keys again are no change, so that what was checked with them need
    /// not be checked again.
    pub(crate) fn set(&self, keys: KeySet) {
        let current = self.snapshot.load();
        if current.as_ref().is_some_and(|it| it.keys.is_same(&keys)) {
            return;
        }
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        self.snapshot.store(Some(Arc::new(Snapshot { keys, generation })));
    }

    /// Forgets the set, which is too old to be believed.
    #[cfg(feature = "jwks-http")]
    pub(crate) fn clear(&self) {
        self.snapshot.store(None);
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current").field(&self.load().as_deref()).finish()
    }
}
