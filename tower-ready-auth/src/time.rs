//! The time of day, which tokens go by. The suite's clock only tells how much of it has passed.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The most that clocks may be apart: for so long after its end a token may still be taken.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(crate) i64);

/// Where the time of day comes from: the system, unless a test brings its own.
#[derive(Clone, Default)]
pub(crate) struct Clock(Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>);

// === impl Millis ===

impl Millis {
    pub(crate) fn of(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Self(since.map_or(0, |since| Self::whole(since).0))
    }

    pub(crate) fn since_epoch(self) -> Duration {
        Duration::from_millis(self.0.try_into().unwrap_or(0))
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(Self::whole(duration).0))
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(Self::whole(duration).0))
    }

    fn whole(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

// === impl Clock ===

impl Clock {
    pub(crate) fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(now)))
    }

    pub(crate) fn now(&self) -> Millis {
        Millis::of(match &self.0 {
            Some(now) => now(),
            None => SystemTime::now(),
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(..)" } else { "Clock(system)" })
    }
}
