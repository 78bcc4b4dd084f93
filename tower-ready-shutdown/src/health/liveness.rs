//! Whether the process itself works. Nothing here can hold a [`Check`](super::Check).

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tower_ready_core::Instant;

/// What liveness is made of: whether somebody declared the process broken, and whether its runtime
/// still runs tasks.
#[derive(Debug)]
pub(super) struct Liveness {
    broken: OnceLock<String>,
    stall_limit: Option<Duration>,
    /// When the task that only keeps time was last run.
    beat: AtomicU64,
}

impl Liveness {
    pub(super) fn new(stall_limit: Option<Duration>) -> Self {
        let beat = AtomicU64::new(Instant::now().as_nanos());
        Self { broken: OnceLock::new(), stall_limit, beat }
    }

    /// The first reason stays.
    pub(super) fn declare_broken(&self, reason: String) {
        let _ = self.broken.set(reason);
    }

    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    pub(super) const fn stall_limit(&self) -> Option<Duration> {
        self.stall_limit
    }

    /// How late the runtime is, if that is too late.
    pub(super) fn stalled(&self, now: Instant) -> Option<Duration> {
        let limit = self.stall_limit?;
        let since = now.since(Instant::from_nanos(self.beat.load(Relaxed)));
        (since > limit).then_some(since)
    }

    pub(super) fn is_live(&self, now: Instant) -> bool {
        self.broken().is_none() && self.stalled(now).is_none()
    }

    /// Keeps time, four times as often as it has to.
    pub(super) async fn keep_time(&self, limit: Duration) {
        loop {
            self.beat.store(Instant::now().as_nanos(), Relaxed);
            tokio::time::sleep(limit / 4).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_keeps_no_time_is_stalled() {
        let live = Liveness::new(Some(Duration::from_secs(2)));
        let now = Instant::now();
        assert!(live.is_live(now));
        let late = now + Duration::from_secs(3);
        assert!(live.stalled(late) >= Some(Duration::from_millis(2_900)));
        assert!(!live.is_live(late));
        assert!(Liveness::new(None).is_live(late));
    }

    #[test]
    fn broken_stays_broken() {
        let live = Liveness::new(None);
        live.declare_broken("the writer is gone".to_owned());
        live.declare_broken("something else".to_owned());
        assert_eq!(live.broken(), Some("the writer is gone"));
        assert!(!live.is_live(Instant::now()));
    }
}
