use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::Path,
    sync::{
        Arc, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwap;

use crate::{ConfigError, Lookup, Principal, StoreError, time::Millis, watch::Watch};

/// Which credentials are good no more, though their time is not over.
///
/// It is asked for every request, also for a token that was checked before. An error is answered
/// with 503 and lets nobody pass, unless
/// [`fail_open`](crate::AuthBuilder::fail_open) says so.
pub trait Revocation: Send + Sync + 'static {
    /// Whether the credentials of this principal are revoked. What tells them: its
    /// [credential id](Principal::credential_id), its subject together with when it was
    /// [issued](Principal::issued), and its [key id](Principal::key_id).
    fn is_revoked(&self, principal: &Principal) -> Lookup<Result<bool, StoreError>>;
}

/// Revoked credentials in memory. A cheap handle: clones are one list.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_ready_auth::RevocationList;
///
/// let revoked = RevocationList::new();
/// // An entry is kept as long as the token would be good.
/// revoked.credential("jti-4711", SystemTime::now() + Duration::from_secs(300));
/// assert_eq!(revoked.len(), 1);
/// ```
#[derive(Clone, Default)]
pub struct RevocationList(Arc<List>);

#[derive(Default)]
struct List {
    /// Read first: while nothing is revoked, a request costs no more than this.
    len: AtomicUsize,
    entries: RwLock<Entries>,
}

#[derive(Default)]
struct Entries {
    credentials: HashMap<Box<str>, Millis>,
    subjects: HashMap<Box<str>, Millis>,
    keys: HashSet<Box<str>>,
    /// How long the list was after the last sweep.
    swept: usize,
}

/// Revoked credentials in a file, one a line: the `jti` or `sub` of a token, the id of the key that
/// signed it, or the id of an API key. It is noticed within ten seconds when it changes; one that
/// is gone changes nothing. Empty lines, and those that begin with `#`, say nothing.
#[derive(Clone)]
pub struct RevocationFile {
    lines: Arc<ArcSwap<HashSet<Box<str>>>>,
    watch: Watch,
}

// === impl RevocationList ===

impl RevocationList {
    /// Nothing is revoked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes a token by its `jti`, or an API key by its id, until the time at which it ends by
    /// itself.
    pub fn credential(&self, id: &str, ends: SystemTime) {
        self.change(|entries| entries.credentials.insert(id.into(), Millis::of(ends)));
    }

    /// Revokes all tokens of a subject that were issued up to now; those without `iat`, and its API
    /// keys, are never taken for newer.
    pub fn subject(&self, subject: &str) {
        self.subject_before(subject, SystemTime::now());
    }

    /// Revokes all tokens of a subject that were issued up to this time.
    pub fn subject_before(&self, subject: &str, time: SystemTime) {
        self.change(|entries| entries.subjects.insert(subject.into(), Millis::of(time)));
    }

    /// Revokes all tokens that this key signed.
    pub fn key(&self, id: &str) {
        self.change(|entries| entries.keys.insert(id.into()));
    }

    /// Lets credentials be good again.
    pub fn restore(&self, value: &str) {
        self.change(|entries| {
            entries.credentials.remove(value);
            entries.subjects.remove(value);
            entries.keys.remove(value);
        });
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Acquire)
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn change<T>(&self, change: impl FnOnce(&mut Entries) -> T) {
        let now = Millis::of(SystemTime::now());
        let mut entries = self.0.entries.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(&mut entries);
        // What has ended by itself need not be revoked. A sweep is as long as the list, so it is left
        // to when the list has doubled.
        if entries.len() > entries.swept.max(64) * 2 {
            entries.credentials.retain(|_, ends| *ends > now);
            entries.swept = entries.len();
        }
        self.0.len.store(entries.len(), Ordering::Release);
    }
}

impl Entries {
    fn len(&self) -> usize {
        self.credentials.len() + self.subjects.len() + self.keys.len()
    }

    fn has(&self, principal: &Principal) -> bool {
        let inner = principal.inner();
        let by_id = inner.credential_id.as_deref();
        let by_key = inner.key_id.as_deref();
        by_id.is_some_and(|id| self.credentials.contains_key(id))
            || by_key.is_some_and(|id| self.keys.contains(id))
            || self
                .subjects
                .get(principal.subject())
                .is_some_and(|before| inner.issued.is_none_or(|issued| issued <= *before))
    }
}

impl Revocation for RevocationList {
    fn is_revoked(&self, principal: &Principal) -> Lookup<Result<bool, StoreError>> {
        if self.is_empty() {
            return Lookup::Ready(Ok(false));
        }
        let entries = self.0.entries.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        Lookup::Ready(Ok(entries.has(principal)))
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationList({})", self.len())
    }
}

// === impl RevocationFile ===

impl RevocationFile {
    /// The values in this file.
    ///
    /// # Errors
    ///
    /// When it cannot be read now.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let lines = Arc::new(ArcSwap::from_pointee(HashSet::new()));
        let kept = Arc::clone(&lines);
        let watch = Watch::start(path.as_ref(), move |content| {
            let text = String::from_utf8_lossy(content);
            let lines = text.lines().map(str::trim);
            let values = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            kept.store(Arc::new(values.map(Box::from).collect()));
            Ok(())
        })?;
        Ok(Self { lines, watch })
    }

    /// Looks at the file now, instead of at the next of its turns.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; what was revoked stays so.
    pub fn reread(&self) -> Result<(), ConfigError> {
        self.watch.check()
    }
}

impl Revocation for RevocationFile {
    fn is_revoked(&self, principal: &Principal) -> Lookup<Result<bool, StoreError>> {
        let lines = self.lines.load();
        let inner = principal.inner();
        let values =
            [inner.credential_id.as_deref(), inner.key_id.as_deref(), Some(principal.subject())];
        let revoked = !lines.is_empty() && values.iter().flatten().any(|it| lines.contains(*it));
        Lookup::Ready(Ok(revoked))
    }
}

impl fmt::Debug for RevocationFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFile")
            .field("file", &self.watch)
            .field("values", &self.lines.load().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_has_ended_by_itself_is_forgotten() {
        let revoked = RevocationList::new();
        let ended = SystemTime::now() - Duration::from_secs(1);
        for n in 0..10_000 {
            revoked.credential(&format!("ended-{n}"), ended);
        }
        assert!(revoked.len() <= 130, "{}", revoked.len());
        let good = SystemTime::now() + Duration::from_secs(60);
        for n in 0..1_000 {
            revoked.credential(&format!("good-{n}"), good);
        }
        let entries = revoked.0.entries.read().unwrap();
        let kept = (0..1_000).filter(|n| entries.credentials.contains_key(&*format!("good-{n}")));
        assert_eq!(kept.count(), 1_000);
    }
}
