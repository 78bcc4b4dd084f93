//! What a breaker was told to be.

use std::{
    fmt,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    Change, Classify, Event, Fallback, OnBreaker, TripPolicy,
    circuit::{Budget, Rules, Span, Times},
    contained::contained,
};

/// The settings of a breaker, checked.
pub(crate) struct Policy {
    pub(crate) name: Box<str>,
    pub(crate) span: Span,
    pub(crate) times: Times,
    pub(crate) probes: u32,
    pub(crate) successes_to_close: u8,
    pub(crate) probe_lease: Duration,
    pub(crate) stream_after: Duration,
    pub(crate) hint_cap: Duration,
    pub(crate) ramp: Duration,
    pub(crate) throttle: Option<f64>,
    pub(crate) slow_to_end: bool,
    pub(crate) watch_flights: bool,
    /// Whether slow calls are counted, now or when the rules change.
    pub(crate) counts_slow: bool,
    pub(crate) count_rate_limits: bool,
    pub(crate) honour_rate_limits: bool,
    pub(crate) trip: Option<MakeTrip>,
    pub(crate) classify: Option<Box<dyn Classify>>,
    pub(crate) fallback: Option<Box<dyn Fallback>>,
    pub(crate) observer: Option<Box<dyn OnBreaker>>,
    pub(crate) budget: Option<Budget>,
    pub(crate) live: Live,
}

pub(crate) type MakeTrip = Box<dyn Fn() -> Box<dyn TripPolicy> + Send + Sync>;

/// What can be changed while calls run.
#[derive(Debug)]
pub(crate) struct Live {
    rules: RwLock<Rules>,
    /// Copies of what every call looks at; zero is none.
    slow: AtomicU64,
    abandon: AtomicU64,
    consecutive: AtomicU64,
}

impl Live {
    pub(crate) fn new(rules: Rules, abandon: Option<Duration>) -> Self {
        let live = Self {
            rules: RwLock::new(rules),
            slow: AtomicU64::default(),
            abandon: AtomicU64::default(),
            consecutive: AtomicU64::default(),
        };
        live.set(rules, abandon);
        live
    }

    pub(crate) fn set(&self, rules: Rules, abandon: Option<Duration>) {
        let mut held = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        *held = rules;
        self.slow.store(nanos(rules.slow), Relaxed);
        self.abandon.store(nanos(abandon), Relaxed);
        let consecutive = rules.consecutive.unwrap_or(0);
        self.consecutive.store(consecutive.into(), Relaxed);
    }

    pub(crate) fn rules(&self) -> Rules {
        *self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From which time on a call is slow, in nanoseconds; zero if none is.
    #[inline]
    pub(crate) fn slow(&self) -> u64 {
        self.slow.load(Relaxed)
    }

    /// How long a call has to have waited for its drop to be a failure; zero if none is.
    #[inline]
    pub(crate) fn abandon(&self) -> u64 {
        self.abandon.load(Relaxed)
    }

    #[inline]
    pub(crate) fn counts_consecutive(&self) -> bool {
        self.consecutive.load(Relaxed) != 0
    }
}

fn nanos(time: Option<Duration>) -> u64 {
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

impl Policy {
    /// Tells of a change, under no lock.
    pub(crate) fn tell(&self, key: Option<&str>, generation: u32, change: Change) {
        let event = Event { breaker: &self.name, key, generation, change };
        #[cfg(feature = "tracing")]
        log(&event);
        if let Some(observer) = &self.observer {
            contained(|| observer.on_event(&event));
        }
    }

    /// Tells that most calls are given up so early that they say nothing.
    pub(crate) fn warn_of_given_up(&self, key: Option<&str>, calls: u64) {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            target: TARGET,
            breaker = &*self.name,
            key = key.unwrap_or_default(),
            calls,
            abandon_after = ?Duration::from_nanos(self.live.abandon()),
            "calls are given up before they count"
        );
        #[cfg(not(feature = "tracing"))]
        let _ = (key, calls);
    }

    /// The rule of our user's, for one circuit.
    pub(crate) fn make_trip(&self) -> Option<Box<dyn TripPolicy>> {
        let make = self.trip.as_ref()?;
        contained(make)
    }
}

/// Where the code stands is nothing to who filters.
#[cfg(feature = "tracing")]
const TARGET: &str = "tower_ready_breaker";

#[cfg(feature = "tracing")]
fn log(event: &Event<'_>) {
    let Event { breaker, key, change, .. } = event;
    let key = key.unwrap_or_default();
    match change {
        Change::Opened { reason, open_for } => {
            let (reason, change) = (reason.as_str(), change.as_str());
            tracing::warn!(target: TARGET, breaker, key, reason, change, ?open_for, "circuit opened");
        }
        Change::WouldOpen { reason } | Change::Spared { reason } => tracing::warn!(
            target: TARGET,
            breaker,
            key,
            reason = reason.as_str(),
            change = change.as_str(),
            "circuit did not open"
        ),
        _ => {
            let change = change.as_str();
            tracing::info!(target: TARGET, breaker, key, change, "circuit changed");
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.name)
            .field("window", &self.span.length())
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}
