//! Setting up a breaker.

mod answers;
mod check;
mod opening;
mod recovery;

use std::time::Duration;

use tower_ready_core::Head;

use crate::{
    Backoff, Breaker, Classify, ConfigError, ConfigErrorKind, Fallback, KeyedBreaker, OnBreaker,
    circuit::{Budget, Rules, Times},
    policy::MakeTrip,
};

/// Sets up a [`Breaker`]. Everything has a default.
#[must_use = "a builder does nothing until `build`"]
pub struct BreakerBuilder {
    name: String,
    window: Duration,
    buckets: u32,
    rules: Rules,
    times: Option<Times>,
    probes: u32,
    successes_to_close: u8,
    probe_lease: Duration,
    abandon: Abandon,
    stream_after: Duration,
    hint_cap: Duration,
    ramp: Duration,
    throttle: Option<f64>,
    slow_to_end: bool,
    watch_flights: bool,
    count_rate_limits: bool,
    honour_rate_limits: bool,
    trip: Option<MakeTrip>,
    classify: Option<Box<dyn Classify>>,
    fallback: Option<Box<dyn Fallback>>,
    capacity: usize,
    max_open_share: Option<f64>,
    #[cfg(feature = "failsafe")]
    refused: Option<ConfigErrorKind>,
    observer: Option<Box<dyn OnBreaker>>,
}

#[derive(Clone, Copy)]
enum Abandon {
    Default,
    After(Duration),
    Never,
}

const FIRST_OPEN: Duration = Duration::from_secs(5);
const LONGEST_OPEN: Duration = Duration::from_secs(300);

impl BreakerBuilder {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            window: Duration::from_secs(10),
            buckets: 10,
            rules: Rules {
                failure_rate: Some(0.5),
                slow_rate: None,
                slow: None,
                min_calls: 20,
                consecutive: None,
            },
            times: Some(Times::new(Backoff::exponential(FIRST_OPEN, LONGEST_OPEN))),
            probes: 1,
            successes_to_close: 3,
            probe_lease: Duration::from_secs(10),
            abandon: Abandon::Default,
            stream_after: Duration::from_secs(5),
            hint_cap: Duration::from_secs(60),
            ramp: Duration::ZERO,
            throttle: None,
            slow_to_end: false,
            watch_flights: true,
            count_rate_limits: false,
            honour_rate_limits: false,
            trip: None,
            classify: None,
            fallback: None,
            capacity: 1024,
            max_open_share: None,
            #[cfg(feature = "failsafe")]
            refused: None,
            observer: None,
        }
    }

    /// How many keys have a circuit of their own, with [`build_keyed`](Self::build_keyed). Default:
    /// 1024; up to a million. One that is in use takes half a kilobyte.
    pub fn capacity(mut self, keys: usize) -> Self {
        self.capacity = keys;
        self
    }

    /// The share of circuits in use that may be open at a time, with
    /// [`build_keyed`](Self::build_keyed): one may in any case. For keys that are the endpoints of
    /// one service: when most of them fail, the cause lies elsewhere, and the others stay closed.
    /// Default: all.
    pub fn max_open_share(mut self, share: f64) -> Self {
        self.max_open_share = Some(share);
        self
    }

    /// Hears of every change of state. Default: nobody.
    pub fn on_event(mut self, observer: impl OnBreaker) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting is wrong, with its name and what would be right.
    pub fn build(self) -> Result<Breaker, ConfigError> {
        let mut policy = self.policy()?;
        // There is room for what the rules may be changed to.
        policy.counts_slow = true;
        Ok(Breaker::new(policy))
    }

    /// Checks the settings, for a breaker with a circuit for each key: [`by_authority`],
    /// [`by_route`], or what a closure borrows from the head of a request. Requests without a key
    /// share a circuit.
    ///
    /// ```
    /// use tower_ready_breaker::Breaker;
    ///
    /// let breaker = Breaker::builder("tenants")
    ///     .build_keyed(|head| head.headers().get("x-tenant")?.to_str().ok())?;
    /// # Ok::<(), tower_ready_breaker::ConfigError>(())
    /// ```
    ///
    /// [`by_authority`]: crate::by_authority
    /// [`by_route`]: crate::by_route
    ///
    /// # Errors
    ///
    /// When a setting is wrong, with its name and what would be right.
    pub fn build_keyed<F>(self, key: F) -> Result<KeyedBreaker, ConfigError>
    where
        F: for<'a> Fn(&Head<'a>) -> Option<&'a str> + Send + Sync + 'static,
    {
        use ConfigErrorKind as Kind;

        let (capacity, share) = (self.capacity, self.max_open_share);
        for (is_right, kind) in [
            ((1..=1_000_000).contains(&capacity), Kind::Capacity),
            (share.is_none_or(|share| share > 0.0 && share <= 1.0), Kind::MaxOpenShare),
        ] {
            if !is_right {
                return Err(ConfigError::new(kind, &self.name));
            }
        }
        let mut policy = self.policy()?;
        policy.budget = share.map(Budget::new);
        Ok(KeyedBreaker::new(policy, capacity as u32, Box::new(key)))
    }
}

impl std::fmt::Debug for BreakerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BreakerBuilder")
            .field("name", &self.name)
            .field("window", &self.window)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
