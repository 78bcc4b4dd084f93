//! Refusals in the log, but never one line for each.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tower_ready_core::Instant;

use crate::event::{Event, OnRateLimit};

/// Writes to the log that somebody is refused, at most once a second, with the number of refusals
/// that were not written in between: whoever floods a service shall not flood its log.
///
/// Target `tower_ready_ratelimit`, level `WARN`, and `INFO` for swaps. A caller is named by its tag.
///
/// ```
/// use tower_ready_ratelimit::{LogRefusals, Policy, Quota, RateLimiter};
///
/// let limiter = RateLimiter::builder()
///     .policy(Policy::new("all", Quota::per_second(1_000)))
///     .on_event(LogRefusals::default())
///     .build()?;
/// # Ok::<(), tower_ready_ratelimit::ConfigError>(())
/// ```
#[derive(Debug, Default)]
pub struct LogRefusals {
    /// When a line was last written: nanoseconds of the clock, which is never zero.
    last: AtomicU64,
    suppressed: AtomicU64,
}

const PAUSE: u64 = 1_000_000_000;

impl LogRefusals {
    /// How many events were not written since the last line, if it is time for another.
    fn turn(&self) -> Option<u64> {
        let now = Instant::now().as_nanos();
        let last = self.last.load(Relaxed);
        let is_time = last == 0 || now.saturating_sub(last) >= PAUSE;
        if is_time && self.last.compare_exchange(last, now, Relaxed, Relaxed).is_ok() {
            Some(self.suppressed.swap(0, Relaxed))
        } else {
            self.suppressed.fetch_add(1, Relaxed);
            None
        }
    }
}

impl OnRateLimit for LogRefusals {
    fn on_event(&self, event: &Event<'_>) {
        if let Event::Swapped { policy, quota } = event {
            tracing::info!(target: "tower_ready_ratelimit", policy, %quota, "a quota was swapped");
            return;
        }
        let Some(suppressed) = self.turn() else {
            return;
        };
        match event {
            Event::Refused { policy, key, retry_after, reason, shadow } => tracing::warn!(
                target: "tower_ready_ratelimit",
                policy,
                %key,
                reason = reason.as_str(),
                shadow,
                retry_after_ms = retry_after.map(|wait| wait.as_millis() as u64),
                suppressed,
                "a request was refused"
            ),
            Event::Missing { policy } => tracing::warn!(
                target: "tower_ready_ratelimit",
                policy,
                suppressed,
                "a request has no key"
            ),
            Event::StoreFailed { error } => tracing::warn!(
                target: "tower_ready_ratelimit",
                error = *error as &(dyn std::error::Error + 'static),
                suppressed,
                "the store could not be asked, and a request was refused for that"
            ),
            Event::Degraded { error } => tracing::warn!(
                target: "tower_ready_ratelimit",
                error = *error as &(dyn std::error::Error + 'static),
                suppressed,
                "the store could not be asked, and a request passed without it"
            ),
            Event::Swapped { .. } => {}
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_one_line() {
        let log = LogRefusals::default();
        assert_eq!(log.turn(), Some(0));
        for _ in 0..1_000 {
            assert_eq!(log.turn(), None);
        }
        assert_eq!(log.suppressed.load(Relaxed), 1_000);
        log.last.store(1, Relaxed);
        assert_eq!(log.turn(), Some(1_000));
    }
}
