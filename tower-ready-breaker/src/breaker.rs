use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tower_ready_core::{Instant, Outcome};

use crate::{
    BreakerBuilder, BreakerLayer, ConfigError, Permit, Rejected, Run, Snapshot, State,
    circuit::{Circuit, Phase, Refusal, thread},
    keyed::room,
    policy::Policy,
};

/// A circuit breaker: the policy of a [`BreakerLayer`], and the handle on it.
///
/// A clone is the same breaker, and so is every service of every layer that is made from it.
///
/// ```
/// use tower_ready_breaker::{Breaker, State};
///
/// let breaker = Breaker::builder("orders-db").consecutive_failures(3).build()?;
/// for _ in 0..3 {
///     breaker.try_acquire().unwrap().failure();
/// }
/// assert_eq!(breaker.state(), State::Open);
///
/// let rejected = breaker.try_acquire().unwrap_err();
/// assert_eq!(rejected.to_string(), r#"the circuit "orders-db" is open"#);
/// # Ok::<(), tower_ready_breaker::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Breaker {
    pub(crate) pins: Pins,
    /// Which circuit; a breaker with keys has many.
    circuit: u32,
}

/// The policy and its circuits, behind one pin for each stripe of threads.
///
/// All threads of a process would write one counter of references for each call; with a pin of
/// its own, a thread mostly writes a line that no other touches.
#[derive(Clone)]
pub(crate) struct Pins(Arc<[Arc<Pin>]>);

#[repr(align(128))]
pub(crate) struct Pin {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) policy: Policy,
    /// Each is made when it is first used: a breaker with keys has room for many.
    circuits: Box<[OnceLock<Box<Circuit>>]>,
    stripes: usize,
}

impl Breaker {
    /// Sets up a breaker; events, logs and errors call it by this name.
    pub fn builder(name: impl Into<String>) -> BreakerBuilder {
        BreakerBuilder::new(name.into())
    }

    pub(crate) fn new(policy: Policy) -> Self {
        let stripes = stripes();
        Self::of(Pins::new(policy, room(0), stripes, stripes), 0)
    }

    pub(crate) const fn of(pins: Pins, circuit: u32) -> Self {
        Self { pins, circuit }
    }

    /// A layer over this breaker.
    pub fn layer(&self) -> BreakerLayer {
        BreakerLayer::new(self.clone())
    }

    /// A layer over this breaker that holds callers instead of rejecting them: for an endpoint
    /// under a balancer.
    #[cfg(feature = "gate")]
    pub fn gate(&self) -> crate::GateLayer {
        crate::GateLayer::new(self.clone())
    }

    /// Asks whether a call may be made. Whoever gets a permit owes it the outcome.
    ///
    /// # Errors
    ///
    /// When the circuit does not let the call through.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit, Rejected> {
        self.pins.try_acquire(self.circuit)
    }

    /// Guards a call of any kind: SQL, a queue, a mail. `Ok` is a success and `Err` a failure.
    ///
    /// ```
    /// use tower_ready_breaker::{Breaker, BreakerError};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let breaker = Breaker::builder("orders-db").build().unwrap();
    ///
    /// let count = breaker.run(async { Ok::<_, std::io::Error>(42) }).await.unwrap();
    /// assert_eq!(count, 42);
    ///
    /// breaker.force_open();
    /// let error = breaker.run(async { Ok::<_, std::io::Error>(42) }).await.unwrap_err();
    /// assert!(matches!(error, BreakerError::Rejected(_)));
    /// # });
    /// ```
    #[expect(clippy::type_complexity, reason = "a name for it would say less")]
    pub fn run<F, T, E>(&self, call: F) -> Run<F, fn(&Result<T, E>) -> Outcome>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.run_with(call, |result| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        })
    }

    /// Guards a call whose errors are not all the peer's: `judge` says what each result means.
    ///
    /// ```
    /// use tower_ready_breaker::Breaker;
    /// use tower_ready_core::Outcome;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let breaker = Breaker::builder("orders-db").build().unwrap();
    /// // That a row is not there is no fault of the database.
    /// let call = async { Err::<(), _>("no such row") };
    /// let result = breaker
    ///     .run_with(call, |result| match result {
    ///         Err(error) if *error != "no such row" => Outcome::Failure,
    ///         _ => Outcome::Success,
    ///     })
    ///     .await;
    /// assert_eq!(result.unwrap_err().into_inner(), Some("no such row"));
    /// assert_eq!(breaker.snapshot().window.successes, 1);
    /// # });
    /// ```
    pub fn run_with<F, J, T, E>(&self, call: F, judge: J) -> Run<F, J>
    where
        F: Future<Output = Result<T, E>>,
        J: FnOnce(&Result<T, E>) -> Outcome,
    {
        Run::new(self.clone(), call, judge)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.policy().name
    }

    /// What it does with calls.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.circuit().phase())
    }

    /// How long until a call may pass: nothing if one may now, and `None` while it is forced open.
    ///
    /// A readiness check that must not send a service away for one dead dependency can look here,
    /// and so can a worker that would rather wait than fetch a message it cannot handle.
    #[must_use]
    pub fn admits_in(&self) -> Option<Duration> {
        let now = Instant::now();
        let circuit = self.circuit();
        match circuit.phase() {
            Phase::ForcedOpen => None,
            Phase::Open => Some(circuit.opens_until().map_or(Duration::ZERO, |at| at.since(now))),
            _ if circuit.lets_pass(self.policy(), now) => Some(Duration::ZERO),
            _ => Some(Refusal::MOMENT),
        }
    }

    /// All that can be known of it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.circuit())
    }

    /// Lets nothing through, until [`auto`](Self::auto). Calls that are out end as they end, and
    /// change nothing.
    pub fn force_open(&self) {
        self.command(Phase::ForcedOpen);
    }

    /// Lets everything through and counts it, until [`auto`](Self::auto).
    pub fn disable(&self) {
        self.command(Phase::Disabled);
    }

    /// Lets everything through, and tells once when it would have opened, until
    /// [`auto`](Self::auto): to try a rule on the traffic of a service before it can do harm.
    pub fn metrics_only(&self) {
        self.command(Phase::Watching);
    }

    /// Ends what [`force_open`](Self::force_open), [`disable`](Self::disable) and
    /// [`metrics_only`](Self::metrics_only) began: the circuit is closed and starts anew.
    pub fn auto(&self) {
        self.command(self.policy().closed());
    }

    /// Closes the circuit and forgets what it has counted, and how often it has opened.
    pub fn reset(&self) {
        self.command(self.policy().closed());
    }

    /// Tries a closed circuit as if it had been open: a few calls pass until it is known how they
    /// go. For what another instance has found out, which lowers the bar here and never shuts
    /// anybody out by itself.
    pub fn suspect(&self) {
        if self.circuit().phase() == Phase::Closed {
            self.command(Phase::HalfOpen);
        }
    }

    /// Changes the rules while calls run: takes `failure_rate`, `min_calls`,
    /// `consecutive_failures`, `slow_calls` and `abandon_after` of a builder, and nothing else.
    ///
    /// # Errors
    ///
    /// When the builder's settings are wrong; the rules then stay as they were.
    pub fn set_rules(&self, builder: &BreakerBuilder) -> Result<(), ConfigError> {
        let (rules, abandon) = builder.rules()?;
        self.policy().live.set(rules, abandon);
        Ok(())
    }

    fn command(&self, phase: Phase) {
        self.circuit().command(self.policy(), phase, Instant::now());
    }

    /// Whether a call would pass, without the clock if that can be.
    #[inline]
    pub(crate) fn lets_pass(&self) -> bool {
        let circuit = self.circuit();
        match circuit.phase() {
            Phase::Closed | Phase::Disabled | Phase::Watching => true,
            _ => circuit.lets_pass(self.policy(), Instant::now()),
        }
    }

    /// The refusal of a call whose service said by itself that it lets nothing through.
    pub(crate) fn refuse(&self) -> Rejected {
        let circuit = self.circuit();
        circuit.count_rejected();
        let wait = self.admits_in().filter(|wait| !wait.is_zero());
        let refusal = Refusal { phase: circuit.phase(), wait: wait.unwrap_or(Refusal::MOMENT) };
        Rejected::new(Arc::clone(self.pins.mine()), refusal)
    }

    #[cfg(feature = "gate")]
    pub(crate) fn wake_on_change(&self, waker: &std::task::Waker) {
        self.circuit().wake_on_change(waker);
    }

    /// The inner service failed to get ready.
    pub(crate) fn fail_unready(&self) {
        self.circuit().fail_unready(self.policy(), Instant::now());
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.pins.shared().policy
    }

    fn circuit(&self) -> &Circuit {
        self.pins.shared().circuit(self.circuit)
    }
}

impl Pins {
    pub(crate) fn new(
        policy: Policy,
        circuits: Box<[OnceLock<Box<Circuit>>]>,
        pins: usize,
        stripes: usize,
    ) -> Self {
        let shared = Arc::new(Shared { policy, circuits, stripes });
        let pin = |_| Arc::new(Pin { shared: Arc::clone(&shared) });
        Self((0..pins.next_power_of_two()).map(pin).collect())
    }

    #[inline]
    pub(crate) fn try_acquire(&self, number: u32) -> Result<Permit, Rejected> {
        let pin = self.mine();
        let policy = &pin.shared.policy;
        let circuit = pin.shared.circuit(number);
        // Who wants to know how long calls take has to know when they began.
        if policy.live.slow() == 0
            && let Some(ticket) = circuit.pass()
        {
            return Ok(Permit::new(Arc::clone(pin), number, ticket));
        }
        Self::ask(pin, number, circuit)
    }

    fn ask(pin: &Arc<Pin>, number: u32, circuit: &Circuit) -> Result<Permit, Rejected> {
        match circuit.admit(&pin.shared.policy, Instant::now()) {
            Ok(ticket) => Ok(Permit::new(Arc::clone(pin), number, ticket)),
            Err(refusal) => Err(Rejected::new(Arc::clone(pin), refusal)),
        }
    }

    /// The pin of this thread.
    #[inline]
    pub(crate) fn mine(&self) -> &Arc<Pin> {
        // Their number is a power of two: a division would cost more than all the rest.
        &self.0[thread() & (self.0.len() - 1)]
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0[0].shared
    }
}

impl Shared {
    #[inline]
    pub(crate) fn circuit(&self, circuit: u32) -> &Circuit {
        self.circuits[circuit as usize]
            .get_or_init(|| Box::new(Circuit::new(&self.policy, self.stripes, None)))
    }
}

/// Two for each processor: threads are numbered as they come, and two that meet on one stripe pay
/// for it six times over. A failure sums them all, so there is an end to it.
pub(crate) fn stripes() -> usize {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    (2 * threads).next_power_of_two().clamp(4, 16)
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("name", &self.name())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
