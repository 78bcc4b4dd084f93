//! The one clock.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

/// A moment on the one clock of the suite, in nanoseconds.
///
/// [`now`](Self::now) is the cheapest monotonic source that is right on this machine: the
/// processor's time stamp counter where the operating system itself trusts it (9 ns a read in a
/// virtual machine), else `std::time::Instant` (23 ns). The first read finds that out, which takes
/// some microseconds to milliseconds; every policy of the suite reads the clock when it is built.
///
/// Logic takes an `Instant` as an argument, and a service reads the clock, so that one read serves
/// a whole decision. Arithmetic saturates: a moment before the beginning is the beginning.
///
/// Under the feature `test-util` this clock is tokio's, so that `tokio::time::pause` and `advance`
/// rule it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

/// Where the clock starts: far enough from zero for the past that a policy looks back on, and so
/// that zero can stand for "never" in an atomic.
const START: Duration = Duration::from_secs(24 * 60 * 60);

impl Instant {
    /// This moment.
    #[must_use]
    #[inline]
    pub fn now() -> Self {
        Self(source::now())
    }

    /// The moment that [`as_nanos`](Self::as_nanos) gave.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds on the clock, never zero for a moment that [`now`](Self::now) gave.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was, or nothing if it is yet to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({:?})", Duration::from_nanos(self.0))
    }
}

/// 584 years of nanoseconds fit; what is longer is for ever.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(not(feature = "test-util"))]
mod source {
    use std::{sync::LazyLock, time};

    use quanta::Clock;

    use super::{START, nanos};

    enum Source {
        Counter { clock: Clock, start: u64 },
        System(time::Instant),
    }

    static SOURCE: LazyLock<Source> = LazyLock::new(|| {
        if system_trusts_the_counter() {
            let clock = Clock::new();
            let start = clock.raw();
            Source::Counter { clock, start }
        } else {
            Source::System(system_now())
        }
    });

    #[inline]
    pub(super) fn now() -> u64 {
        nanos(START)
            + match &*SOURCE {
                Source::Counter { clock, start } => clock.delta_as_nanos(*start, clock.raw()),
                Source::System(start) => nanos(system_now().saturating_duration_since(*start)),
            }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    fn system_now() -> time::Instant {
        time::Instant::now()
    }

    /// A processor may advertise a steady counter that the kernel has found wanting: sockets out
    /// of step, a hypervisor that moves guests. Linux says what it made of it.
    fn system_trusts_the_counter() -> bool {
        const CHOSEN: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        !cfg!(target_os = "linux")
            || std::fs::read_to_string(CHOSEN).is_ok_and(|source| source.trim() == "tsc")
    }
}

#[cfg(feature = "test-util")]
mod source {
    use std::sync::LazyLock;

    use tokio::time;

    use super::{START, nanos};

    static ANCHOR: LazyLock<time::Instant> = LazyLock::new(time::Instant::now);

    /// A paused clock may stand before the moment at which another test made the anchor.
    pub(super) fn now() -> u64 {
        let (anchor, now) = (*ANCHOR, time::Instant::now());
        let since = nanos(now.saturating_duration_since(anchor));
        let before = nanos(anchor.saturating_duration_since(now));
        nanos(START).saturating_add(since).saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_does_not_run_backwards() {
        let mut last = Instant::now();
        for _ in 0..10_000 {
            let now = Instant::now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let now = Instant::now();
        assert_eq!(now - Duration::MAX, Instant::from_nanos(0));
        assert_eq!(now + Duration::MAX, Instant::from_nanos(u64::MAX));
        assert_eq!(now.since(now + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!((now + Duration::from_secs(1)).since(now), Duration::from_secs(1));
    }

    #[cfg(feature = "test-util")]
    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_tokios() {
        let start = Instant::now();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(Instant::now().since(start), Duration::from_secs(3600));
    }
}
