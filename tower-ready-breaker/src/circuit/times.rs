//! How long a circuit stays open.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Open times that double each time, with jitter: the default of a breaker.
///
/// A whole fleet sees a dependency die at the same time. With the same open times it would also
/// come back at the same time; half of each time is therefore left to chance.
///
/// ```
/// use std::time::Duration;
/// use tower_ready_breaker::Backoff;
///
/// let times = Backoff::exponential(Duration::from_secs(5), Duration::from_secs(300));
/// let secs: Vec<_> = times.clone().jitter(false).take(8).map(|time| time.as_secs()).collect();
/// assert_eq!(secs, [5, 10, 20, 40, 80, 160, 300, 300]);
///
/// for (jittered, full) in times.zip([5, 10, 20, 40].map(Duration::from_secs)) {
///     assert!(jittered >= full / 2 && jittered <= full);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    max: Duration,
    jitter: bool,
}

impl Backoff {
    /// Times that double from the first to the longest, each between its half and its whole.
    #[must_use]
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        Self { next: first, max, jitter: true }
    }

    /// Whether half of each time is left to chance. Default: yes.
    #[must_use]
    pub const fn jitter(self, jitter: bool) -> Self {
        Self { jitter, ..self }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let time = self.next.min(self.max);
        self.next = time.saturating_mul(2).min(self.max);
        if !self.jitter {
            return Some(time);
        }
        let chance = (random() >> 11) as f64 / (1_u64 << 53) as f64;
        Some(time / 2 + (time / 2).mul_f64(chance))
    }
}

/// Where each round of open times begins.
pub(crate) struct Times(Box<dyn Fn() -> Round + Send + Sync>);

/// One round: from the first opening to a whole window without any.
pub(crate) type Round = Box<dyn Iterator<Item = Duration> + Send>;

impl Times {
    pub(crate) fn new<I>(times: I) -> Self
    where
        I: Iterator<Item = Duration> + Clone + Send + Sync + 'static,
    {
        Self(Box::new(move || Box::new(Lasting { times: times.clone(), last: Duration::ZERO })))
    }

    pub(crate) fn round(&self) -> Round {
        self.0()
    }
}

/// Times that stay with the last when they run out.
struct Lasting<I> {
    times: I,
    last: Duration,
}

impl<I: Iterator<Item = Duration>> Iterator for Lasting<I> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.last = self.times.next().unwrap_or(self.last);
        Some(self.last)
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Times(..)")
    }
}

/// What `std` seeds its maps with is random enough for jitter, and needs no crate.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Scenario 60, its second half: ten thousand draws.
    #[test]
    fn jitter_stays_between_a_half_and_the_whole_and_uses_all_of_it() {
        let whole = Duration::from_secs(8);
        let draws: Vec<_> = Backoff::exponential(whole, whole).take(10_000).collect();
        assert!(draws.iter().all(|time| *time >= whole / 2 && *time <= whole));
        let spread = |low: f64, high: f64| {
            let range = whole.mul_f64(low)..whole.mul_f64(high);
            draws.iter().filter(|time| range.contains(time)).count()
        };
        assert!(spread(0.5, 0.6) > 1_000 && spread(0.9, 1.0) > 1_000);
    }

    #[test]
    fn no_time_is_too_long_to_double() {
        let mut times = Backoff::exponential(Duration::MAX / 3, Duration::MAX).jitter(false);
        assert_eq!(times.nth(200), Some(Duration::MAX));
    }
}
