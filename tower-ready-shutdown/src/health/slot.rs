//! What is known of one check: written by its task, read by every probe.

use std::{
    borrow::Cow,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, SystemTime},
};

use tower_ready_core::Instant;

use super::{
    Check, Criticality, Status,
    damper::{Damper, Standing},
};

/// A probe reads two atomics of it. The text of the last result has a lock, which only a detailed
/// report takes.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: Cow<'static, str>,
    pub(super) criticality: Criticality,
    stale_after: Duration,
    fail_open_after: Option<Duration>,
    /// When the last result came in; zero before the first.
    checked: AtomicU64,
    /// `UP`, `PENDING`, or when it went down.
    since: AtomicU64,
    last: Mutex<Last>,
}

/// The last result, for people.
#[derive(Clone, Debug, Default)]
pub(super) struct Last {
    pub(super) error: Option<String>,
    pub(super) took: Duration,
    pub(super) at: Option<SystemTime>,
}

/// The clock never shows either of them.
const UP: u64 = 0;
const PENDING: u64 = u64::MAX;

impl Slot {
    pub(super) fn new(check: &Check) -> Self {
        Self {
            name: check.name.clone(),
            criticality: check.criticality,
            stale_after: check.stale_after(),
            fail_open_after: check.fail_open_after,
            checked: AtomicU64::new(0),
            since: AtomicU64::new(PENDING),
            last: Mutex::default(),
        }
    }

    pub(super) fn status(&self, now: Instant) -> Status {
        let since = self.since.load(Acquire);
        if since == PENDING || self.is_stale(now) {
            return self.criticality.failing();
        }
        let is_open = |after| now.since(Instant::from_nanos(since)) >= after;
        if since == UP {
            Status::Pass
        } else if self.fail_open_after.is_some_and(is_open) {
            Status::Warn
        } else {
            self.criticality.failing()
        }
    }

    /// Whether no result has come in yet.
    pub(super) fn is_unchecked(&self) -> bool {
        self.checked.load(Relaxed) == 0
    }

    /// Whether it has passed once.
    pub(super) fn has_passed(&self) -> bool {
        self.since.load(Acquire) != PENDING
    }

    pub(super) fn is_stale(&self, now: Instant) -> bool {
        now.since(Instant::from_nanos(self.checked.load(Relaxed))) > self.stale_after
    }

    /// The next moment at which its status changes without a result.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let since = self.since.load(Acquire);
        if since == PENDING {
            return None;
        }
        let stale = Instant::from_nanos(self.checked.load(Relaxed)) + self.stale_after;
        let open = self.fail_open_after.filter(|_| since != UP);
        let open = open.map(|after| Instant::from_nanos(since) + after);
        [Some(stale), open].into_iter().flatten().filter(|moment| *moment >= now).min()
    }

    pub(super) fn last(&self) -> Last {
        self.lock().clone()
    }

    /// Takes a result, and says whether the check stands where it stood.
    pub(super) fn record(&self, damper: &mut Damper, now: Instant, last: Last) -> bool {
        let before = damper.standing();
        let after = damper.note(last.error.is_none());
        *self.lock() = last;
        self.checked.store(now.as_nanos(), Relaxed);
        if before != after {
            let since = match after {
                Standing::Pending => PENDING,
                Standing::Up => UP,
                Standing::Down => now.as_nanos(),
            };
            // Whoever sees the standing sees the time of the result that made it.
            self.since.store(since, Release);
        }
        before == after
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        // Nothing panics under the lock, and a half-written text would be no reason to stop.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn passed() -> Last {
        Last::default()
    }

    fn failed() -> Last {
        Last { error: Some("refused".to_owned()), ..Last::default() }
    }

    fn slot(check: impl FnOnce(Check) -> Check) -> (Slot, Damper, Instant) {
        let check = check(Check::new("db", async || Ok::<_, std::io::Error>(())));
        (Slot::new(&check), Damper::new(1, 1), Instant::now())
    }

    #[test]
    fn what_was_never_checked_or_too_long_ago_fails() {
        let (slot, mut damper, now) = slot(|check| check);
        assert_eq!(slot.status(now), Status::Fail);
        assert!(!slot.record(&mut damper, now, passed()));
        assert_eq!(slot.status(now + 15 * SECOND), Status::Pass);
        assert_eq!(slot.status(now + 16 * SECOND), Status::Fail);
        assert!(slot.has_passed());
    }

    #[test]
    fn what_only_degrades_warns() {
        let (slot, mut damper, now) = slot(Check::degrading);
        slot.record(&mut damper, now, passed());
        assert!(!slot.record(&mut damper, now, failed()));
        assert_eq!(slot.status(now), Status::Warn);
    }

    #[test]
    fn a_long_failure_fails_open_where_that_was_asked_for() {
        let (slot, mut damper, now) = slot(|check| check.fail_open_after(60 * SECOND));
        slot.record(&mut damper, now, failed());
        assert_eq!(slot.status(now + 60 * SECOND), Status::Fail, "it never passed");
        slot.record(&mut damper, now, passed());
        slot.record(&mut damper, now + SECOND, failed());
        assert_eq!(slot.next_change(now + SECOND), Some(now + 16 * SECOND));
        slot.record(&mut damper, now + 59 * SECOND, failed());
        assert_eq!(slot.next_change(now + 59 * SECOND), Some(now + 61 * SECOND));
        assert_eq!(slot.status(now + 60 * SECOND), Status::Fail);
        assert_eq!(slot.status(now + 61 * SECOND), Status::Warn);
    }
}
