use std::time::Duration;

use tower_ready_core::Head;

use crate::{
    Backoff, Breaker, Classify, ConfigError, ConfigErrorKind, Fallback, KeyedBreaker, OnBreaker,
    TripPolicy,
    circuit::{Budget, MAX_PROBES, Rules, Span, Times},
    policy::{Live, MakeTrip, Policy},
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

    /// The time over which calls are counted. Default: 10 s; from 10 ms to a day.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Into how many parts the window is cut; it forgets one part at a time. Default: 10; up to
    /// 256.
    pub fn buckets(mut self, buckets: u32) -> Self {
        self.buckets = buckets;
        self
    }

    /// The share of failed calls of the window from which on the circuit opens, if there were
    /// [`min_calls`](Self::min_calls). Default: 0.5.
    pub fn failure_rate(mut self, share: f64) -> Self {
        self.rules.failure_rate = Some(share);
        self
    }

    /// Leaves the share of failures out of it.
    pub fn no_failure_rate(mut self) -> Self {
        self.rules.failure_rate = None;
        self
    }

    /// Of fewer calls in the window a share means nothing. Default: 20.
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.rules.min_calls = calls;
        self
    }

    /// Opens after so many failures with no success between them, however few calls there were.
    /// Default: off. It suits callers with little traffic, 5 is usual; among a thousand calls a
    /// second five failures in a row are nothing unusual.
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.rules.consecutive = Some(failures);
        self
    }

    /// Calls that take at least so long are slow, and from this share of slow calls on the circuit
    /// opens. Calls that are still out after that time count too. Default: off.
    ///
    /// The time is that to the head of an answer; see [`slow_to_end`](Self::slow_to_end).
    pub fn slow_calls(mut self, threshold: Duration, share: f64) -> Self {
        (self.rules.slow, self.rules.slow_rate) = (Some(threshold), Some(share));
        self
    }

    /// Whether the time of a slow call runs to the end of its body. Default: no, to the head.
    pub fn slow_to_end(mut self, to_end: bool) -> Self {
        self.slow_to_end = to_end;
        self
    }

    /// Whether calls that are still out count as slow ones once they are. Default: yes. It costs a
    /// breaker with [`slow_calls`](Self::slow_calls) some nanoseconds.
    pub fn slow_in_flight(mut self, in_flight: bool) -> Self {
        self.watch_flights = in_flight;
        self
    }

    /// A rule of your own; each circuit makes one. Default: none.
    pub fn trip_policy<P: TripPolicy>(
        mut self,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        self.trip = Some(Box::new(move || Box::new(make())));
        self
    }

    /// How long the circuit stays open: the first time, the second, and so on. It stays with the
    /// last. After a whole window without an opening it starts over. Default: 5 s, doubling up to
    /// 5 min, with jitter.
    pub fn open_for<I>(mut self, times: I) -> Self
    where
        I: IntoIterator<Item = Duration>,
        I::IntoIter: Clone + Send + Sync + 'static,
    {
        let times = times.into_iter();
        let is_empty = times.clone().next().is_none();
        self.times = (!is_empty).then(|| Times::new(times));
        self
    }

    /// The longest `Retry-After` or pushback that keeps the circuit open. Default: 60 s.
    pub fn max_retry_after(mut self, longest: Duration) -> Self {
        self.hint_cap = longest;
        self
    }

    /// How many calls a half-open circuit lets through at a time. Default: 1; up to 16.
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }

    /// How many of them have to succeed for the circuit to close. Default: 3.
    pub fn successes_to_close(mut self, successes: u8) -> Self {
        self.successes_to_close = successes;
        self
    }

    /// By when a probe has to be back; one that is not is a failure. Default: 10 s.
    pub fn probe_lease(mut self, lease: Duration) -> Self {
        self.probe_lease = lease;
        self
    }

    /// How long the body of a probe's answer is waited for before its good head is enough. Default:
    /// 5 s.
    pub fn stream_after(mut self, time: Duration) -> Self {
        self.stream_after = time;
        self
    }

    /// A call that was given up after it had waited this long for its answer is a failure: else a
    /// timeout further out would hide a dead peer. Default: the threshold of
    /// [`slow_calls`](Self::slow_calls), or 1 s. Set it below the shortest timeout around the
    /// breaker.
    pub fn abandon_after(mut self, time: Duration) -> Self {
        self.abandon = Abandon::After(time);
        self
    }

    /// However long a call had waited when it was given up, that says nothing. For peers that are
    /// asked to wait, such as long polls.
    pub fn never_abandoned(mut self) -> Self {
        self.abandon = Abandon::Never;
        self
    }

    /// After the circuit has closed, lets a share of the calls through that grows over this time
    /// from a tenth to all. Default: none, all pass at once.
    pub fn recover_over(mut self, time: Duration) -> Self {
        self.ramp = time;
        self
    }

    /// Has no states at all: sheds the calls beyond `factor` times as many as succeed. 2.0 is
    /// usual; less sheds more. Default: off. The rules and times of the states then mean nothing.
    pub fn throttle(mut self, factor: f64) -> Self {
        self.throttle = Some(factor);
        self
    }

    /// Whether a peer's answer that it has had enough, 429 or `RESOURCE_EXHAUSTED`, is a failure
    /// for the rate. Default: no; it shows a peer that is alive.
    pub fn count_rate_limits(mut self, count: bool) -> Self {
        self.count_rate_limits = count;
        self
    }

    /// Whether such an answer opens the circuit for the time that it names. Default: no.
    pub fn honour_rate_limits(mut self, honour: bool) -> Self {
        self.honour_rate_limits = honour;
        self
    }

    /// Judges answers, before the standards do. Default: the standards alone.
    pub fn classify(mut self, classify: impl Classify) -> Self {
        self.classify = Some(Box::new(classify));
        self
    }

    /// Answers in place of the problem. Default: the problem.
    pub fn fallback(mut self, fallback: impl Fallback) -> Self {
        self.fallback = Some(Box::new(fallback));
        self
    }

    /// How many keys have a circuit of their own, with [`build_keyed`](Self::build_keyed). Default:
    /// 1024; up to a million. One that is in use takes about 800 bytes.
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
        self.policy().map(Breaker::new)
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

    /// A setting that would make another crate panic is refused when the breaker is built.
    #[cfg(feature = "failsafe")]
    pub(crate) fn refuse(&mut self, kind: ConfigErrorKind) {
        self.refused.get_or_insert(kind);
    }

    pub(crate) fn policy(mut self) -> Result<Policy, ConfigError> {
        use ConfigErrorKind as Kind;

        #[cfg(feature = "failsafe")]
        if let Some(kind) = self.refused {
            return Err(ConfigError::new(kind, &self.name));
        }
        let (rules, abandon) = self.rules()?;
        let has_rule = rules.failure_rate.is_some()
            || rules.consecutive.is_some()
            || rules.slow_rate.is_some();
        let day = Duration::from_secs(24 * 60 * 60);
        for (is_right, kind) in [
            (self.window >= Duration::from_millis(10) && self.window <= day, Kind::Window),
            ((1..=Span::MAX_BUCKETS).contains(&self.buckets), Kind::Buckets),
            ((1..=MAX_PROBES).contains(&self.probes), Kind::Probes),
            (self.successes_to_close > 0, Kind::SuccessesToClose),
            (!self.probe_lease.is_zero(), Kind::ProbeLease),
            (
                self.throttle.is_none_or(|factor| factor >= 1.0 && factor.is_finite()),
                Kind::Throttle,
            ),
            (has_rule || self.trip.is_some() || self.throttle.is_some(), Kind::NoRule),
        ] {
            if !is_right {
                return Err(ConfigError::new(kind, &self.name));
            }
        }
        let Some(times) = self.times.take() else {
            return Err(ConfigError::new(Kind::OpenTimes, &self.name));
        };
        let span = Span {
            bucket: (self.window.as_nanos() / u128::from(self.buckets)) as u64,
            buckets: self.buckets,
        };
        Ok(Policy {
            name: self.name.into(),
            span,
            times,
            probes: self.probes,
            successes_to_close: self.successes_to_close,
            probe_lease: self.probe_lease,
            stream_after: self.stream_after,
            hint_cap: self.hint_cap,
            ramp: self.ramp,
            throttle: self.throttle,
            slow_to_end: self.slow_to_end,
            watch_flights: self.watch_flights && rules.slow.is_some(),
            count_rate_limits: self.count_rate_limits,
            honour_rate_limits: self.honour_rate_limits,
            trip: self.trip,
            classify: self.classify,
            fallback: self.fallback,
            observer: self.observer,
            budget: None,
            live: Live::new(rules, abandon),
        })
    }

    /// What can be changed while calls run, checked.
    pub(crate) fn rules(&self) -> Result<(Rules, Option<Duration>), ConfigError> {
        use ConfigErrorKind as Kind;

        let rules = self.rules;
        let is_share = |share: Option<f64>| share.is_none_or(|share| share > 0.0 && share <= 1.0);
        let abandon = match self.abandon {
            Abandon::Default => Some(rules.slow.unwrap_or(Duration::from_secs(1))),
            Abandon::After(time) => Some(time),
            Abandon::Never => None,
        };
        for (is_right, kind) in [
            (is_share(rules.failure_rate), Kind::FailureRate),
            (is_share(rules.slow_rate), Kind::SlowRate),
            (rules.slow != Some(Duration::ZERO), Kind::SlowThreshold),
            (rules.min_calls > 0, Kind::MinCalls),
            (rules.consecutive != Some(0), Kind::Consecutive),
            (abandon != Some(Duration::ZERO), Kind::AbandonAfter),
        ] {
            if !is_right {
                return Err(ConfigError::new(kind, &self.name));
            }
        }
        Ok((rules, abandon))
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
