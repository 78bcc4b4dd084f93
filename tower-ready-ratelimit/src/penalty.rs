//! Longer waits for whoever does not wait.

use std::time::Duration;

use tower_ready_core::Instant;

use crate::{
    error::ConfigErrorKind,
    hash::KeyHash,
    quota::Span,
    store::{Overflow, Table},
};

/// Longer waits for whoever does not wait.
///
/// The first refusal shuts a key out for the first time, each further one for twice as long as the
/// one before, up to the longest. A refusal while it is shut out is no new one. Whoever stays away
/// for the longest time after that is forgiven.
///
/// ```
/// use std::time::Duration;
/// use tower_ready_ratelimit::{Penalty, Policy, Quota};
///
/// let penalty = Penalty::first(Duration::from_secs(1)).longest(Duration::from_secs(60));
/// let policy = Policy::new("login", Quota::per_minute(5)).penalty(penalty);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Penalty {
    first: Duration,
    longest: Duration,
}

/// Who is shut out until when. Entries hold the moment of forgiveness and the number of strikes.
#[derive(Debug)]
pub(crate) struct Penalties {
    table: Table,
    penalty: Penalty,
}

impl Penalty {
    /// The wait of the first refusal, doubled by each further one, up to a hundred times as long.
    #[must_use]
    pub const fn first(first: Duration) -> Self {
        Self { first, longest: first.saturating_mul(100) }
    }

    /// The longest wait, and the time until all is forgiven. Default: a hundred times the first.
    #[must_use]
    pub const fn longest(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigErrorKind> {
        if self.first.is_zero() || self.longest < self.first {
            Err(ConfigErrorKind::Penalty)
        } else {
            Ok(())
        }
    }

    fn wait(&self, strikes: u32) -> Duration {
        let doubled = 1u32.checked_shl(strikes.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

impl Penalties {
    pub(crate) fn new(penalty: Penalty, keys: usize) -> Self {
        Self { table: Table::new(keys), penalty }
    }

    /// How much longer a key is shut out, if it is.
    pub(crate) fn remaining(&self, key: KeyHash, now: Instant) -> Option<Duration> {
        let state = self.table.with(key, now.as_nanos(), Overflow::Refuse, |place| {
            place.map_or(Span::ZERO, |place| place.full)
        });
        self.left(state, now)
    }

    /// Notes a refusal that would have had the key wait so long, and tells how long it has to.
    ///
    /// A key for which the table has no room goes without a penalty, never without its quota.
    pub(crate) fn strike(&self, key: KeyHash, now: Instant, wait: Duration) -> Duration {
        self.table.with(key, now.as_nanos(), Overflow::Refuse, |place| {
            let Some(mut place) = place else { return wait };
            if let Some(left) = self.left(place.full, now) {
                // Another request of the key was refused at the same time.
                return wait.max(left);
            }
            let forgiven = place.full.nanos <= now.as_nanos();
            let strikes = if forgiven { 0 } else { place.full.part };
            let strikes = (strikes + 1).min(32);
            let wait = wait.max(self.penalty.wait(strikes));
            let forgiven_at = now + wait + self.penalty.longest;
            place.write(Span { nanos: forgiven_at.as_nanos(), part: strikes });
            wait
        })
    }

    pub(crate) fn forgive(&self, key: KeyHash, now: Instant) {
        self.table.with(key, now.as_nanos(), Overflow::Refuse, |place| {
            if let Some(mut place) = place {
                place.write(Span::ZERO);
            }
        });
    }

    /// How much longer whoever stands so is shut out, if it is.
    fn left(&self, state: Span, now: Instant) -> Option<Duration> {
        let until = Instant::from_nanos(state.nanos) - self.penalty.longest;
        (state.part > 0 && until > now).then(|| until.since(now))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_longest_and_are_forgiven() {
        let penalty = Penalty::first(SECOND).longest(5 * SECOND);
        let penalties = Penalties::new(penalty, 16);
        let key = KeyHash::from_bits(7);
        let mut now = Instant::from_nanos(1);
        for secs in [1, 2, 4, 5, 5] {
            assert_eq!(penalties.remaining(key, now), None);
            assert_eq!(penalties.strike(key, now, Duration::ZERO), secs * SECOND);
            assert_eq!(penalties.remaining(key, now), Some(secs * SECOND));
            now = now + secs * SECOND;
        }
        now = now + 5 * SECOND;
        assert_eq!(penalties.strike(key, now, Duration::ZERO), SECOND);
        penalties.forgive(key, now);
        assert_eq!(penalties.remaining(key, now), None);
    }

    #[test]
    fn refusals_at_the_same_time_are_one_strike() {
        let penalties = Penalties::new(Penalty::first(SECOND), 16);
        let (key, start) = (KeyHash::from_bits(7), Instant::from_nanos(1));
        for _ in 0..9 {
            assert_eq!(penalties.strike(key, start, Duration::ZERO), SECOND);
        }
        assert_eq!(penalties.strike(key, start, 3 * SECOND), 3 * SECOND);
        assert_eq!(penalties.strike(key, start + SECOND, Duration::ZERO), 2 * SECOND);
    }

    #[test]
    fn a_penalty_is_never_shorter_than_the_quota_wants() {
        let penalties = Penalties::new(Penalty::first(SECOND), 16);
        let now = Instant::from_nanos(1);
        assert_eq!(penalties.strike(KeyHash::from_bits(7), now, 9 * SECOND), 9 * SECOND);
    }

    #[test]
    fn settings_without_sense_are_refused() {
        assert!(Penalty::first(Duration::ZERO).check().is_err());
        assert!(Penalty::first(2 * SECOND).longest(SECOND).check().is_err());
        assert!(Penalty::first(SECOND).check().is_ok());
    }
}
