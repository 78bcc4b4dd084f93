use std::{fmt, sync::Arc, time::Duration};

use tower_ready_core::{Instant, Outcome};

use crate::{
    BreakerBuilder, BreakerLayer, Changes, FallbackLayer, Permit, Rejected, Run, Snapshot, State,
    circuit::{Circuit, Phase, Refusal},
    keyed::room,
    pins::{Pins, stripes},
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

    /// A layer over this breaker that sends what is not let through to another service.
    pub fn fallback_to<F>(&self, fallback: F) -> FallbackLayer<F> {
        FallbackLayer::new(self.clone(), fallback)
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
        // Who holds it cannot be asked later how long the call has waited.
        self.pins.try_acquire(self.circuit, true)
    }

    /// The same for futures of ours, which tell by themselves when a call begins to wait: one that
    /// is over at once costs no look at the clock.
    #[inline]
    pub(crate) fn admit(&self) -> Result<Permit, Rejected> {
        self.pins.try_acquire(self.circuit, false)
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

    /// Hears of each change of its state from now on: to log them, to show them on a page, to keep
    /// a worker from fetching what it cannot handle.
    ///
    /// ```
    /// use tower_ready_breaker::{Breaker, State};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let breaker = Breaker::builder("orders-db").build().unwrap();
    /// let mut changes = breaker.subscribe();
    /// breaker.force_open();
    /// assert_eq!(changes.next().await, State::ForcedOpen);
    /// # });
    /// ```
    pub fn subscribe(&self) -> Changes {
        Changes::of(self.clone())
    }

    /// All that can be known of it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.circuit())
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

    /// Another one after each change.
    pub(crate) fn version(&self) -> (u32, State) {
        let (generation, phase) = self.circuit().version();
        (generation, State::of(phase))
    }

    /// The refusal of a call whose service said by itself that it lets nothing through.
    #[cold]
    pub(crate) fn refuse(&self) -> Rejected {
        let circuit = self.circuit();
        circuit.count_rejected();
        let wait = self.admits_in().filter(|wait| !wait.is_zero());
        let refusal = Refusal { phase: circuit.phase(), wait: wait.unwrap_or(Refusal::MOMENT) };
        Rejected::new(Arc::clone(self.pins.mine()), refusal)
    }

    /// The inner service failed to get ready.
    pub(crate) fn fail_unready(&self) {
        self.circuit().fail_unready(self.policy(), Instant::now());
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.pins.shared().policy
    }

    pub(crate) fn circuit(&self) -> &Circuit {
        self.pins.shared().circuit(self.circuit)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("name", &self.name())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
