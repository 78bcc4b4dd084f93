use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use super::Revocation;
use crate::{
    Lookup, Principal, StoreError,
    time::{MAX_LEEWAY, Millis},
};

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

impl RevocationList {
    /// Nothing is revoked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes a token by its `jti`, or an API key by its id, until the time at which it ends by
    /// itself, and for as long after it as a verifier may still take it.
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
        // What has ended by itself, for all clocks, need not be revoked. A sweep is as long as the
        // list, so it is left to when the list has doubled.
        if entries.len() > entries.swept.max(64) * 2 {
            entries.credentials.retain(|_, ends| ends.plus(MAX_LEEWAY) > now);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_has_ended_by_itself_is_forgotten() {
        let revoked = RevocationList::new();
        let ended = SystemTime::now() - MAX_LEEWAY - Duration::from_secs(1);
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

    /// A verifier takes a token for its leeway after the end.
    #[test]
    fn what_is_revoked_stays_so_within_the_leeway() {
        let revoked = RevocationList::new();
        revoked.credential("a", SystemTime::now() - MAX_LEEWAY / 2);
        for n in 0..1_000 {
            revoked.credential(&format!("other-{n}"), SystemTime::now());
        }
        assert!(revoked.0.entries.read().unwrap().credentials.contains_key("a"));
    }
}
