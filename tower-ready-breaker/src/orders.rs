//! What an operator, or another part of the program, says to a breaker.

use tower_ready_core::Instant;

use crate::{Breaker, BreakerBuilder, ConfigError, ConfigErrorKind, circuit::Phase};

impl Breaker {
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
        self.circuit().suspect(self.policy(), Instant::now());
    }

    /// Changes the rules while calls run: takes `failure_rate`, `min_calls`,
    /// `consecutive_failures`, `slow_calls` and `abandon_after` of a builder, and nothing else. Calls
    /// in flight are watched for being slow only if `slow_calls` was set when the breaker was built.
    ///
    /// # Errors
    ///
    /// When the builder's settings are wrong, leave no rule at all, or ask a circuit with a key for
    /// slow calls that was built without; the rules then stay as they were.
    pub fn set_rules(&self, builder: &BreakerBuilder) -> Result<(), ConfigError> {
        let (rules, abandon) = builder.rules()?;
        let policy = self.policy();
        for (is_right, kind) in [
            (rules.slow.is_none() || policy.counts_slow, ConfigErrorKind::NoSlowCalls),
            (
                rules.has_any() || policy.trip.is_some() || policy.throttle.is_some(),
                ConfigErrorKind::NoRule,
            ),
        ] {
            if !is_right {
                return Err(ConfigError::new(kind, self.name()));
            }
        }
        policy.live.set(rules, abandon);
        Ok(())
    }

    fn command(&self, phase: Phase) {
        self.circuit().command(self.policy(), phase, Instant::now());
    }
}
