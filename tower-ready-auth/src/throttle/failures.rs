use std::time::Duration;

use tower_ready_core::Instant;

use super::table::Passing;

pub(super) const LONGEST: Duration = Duration::from_secs(15 * 60);

const SHORTEST: Duration = Duration::from_secs(1);

/// How many failures there may be, as a token bucket (GCRA): so many at once, and then one more for
/// each so many-th part of the period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    step: Duration,
    period: Duration,
}

/// The failures of one caller or one address.
///
/// Who fails again as soon as it may waits twice as long each time, up to a quarter of an hour,
/// until it has been quiet for a whole period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failures {
    /// When the bucket will be full again.
    full: Instant,
    locked_until: Instant,
    /// For as long, somebody at this address has to wait.
    kept_until: Instant,
    locks: u32,
}

impl Rate {
    pub(super) fn new(failures: u32, period: Duration) -> Self {
        Self { step: period / failures.max(1), period }
    }
}

impl Failures {
    pub(super) const fn none(now: Instant) -> Self {
        Self { full: now, locked_until: now, kept_until: now, locks: 0 }
    }

    /// One more, and for how long there is a lock, if there is one from now on.
    pub(super) fn add(&mut self, now: Instant, rate: Rate) -> Option<Duration> {
        let Rate { step, period } = rate;
        if self.full <= now && self.locked_until <= now {
            self.locks = 0;
        }
        self.full = self.full.max(now) + step;
        if (self.full + step).since(now) <= period {
            return None;
        }
        // What was under way when the lock began did not fail again in spite of it.
        if self.locked_until > now {
            return Some(self.wait(now));
        }
        let lock = step.max(SHORTEST).saturating_mul(1 << self.locks.min(20)).min(LONGEST);
        self.locks += 1;
        self.locked_until = now + lock;
        Some(lock)
    }

    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.locked_until.since(now)
    }

    pub(super) fn keep(&mut self, until: Instant) {
        self.kept_until = self.kept_until.max(until);
    }
}

impl Passing for Failures {
    fn is_over(&self, now: Instant) -> bool {
        self.full <= now && self.locked_until <= now && self.kept_until <= now
    }
}
