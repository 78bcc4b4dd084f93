use std::{fmt, time::Duration};

use tower_ready_core::{Instant, Outcome};

/// A rule of your own, beside those of the builder: whichever says so first opens the circuit.
///
/// Each circuit has one of its own. It hears of every outcome while the circuit is closed, under a
/// lock, so a breaker with one is slower than a breaker without, and a policy must not ask its own
/// breaker. A panic of it is caught and forgotten.
///
/// ```
/// use tower_ready_breaker::{Breaker, Trip, TripPolicy, Sample};
/// use tower_ready_core::Outcome;
///
/// /// Opens when two of three calls failed.
/// #[derive(Default)]
/// struct TwoOfThree(Vec<bool>);
///
/// impl TripPolicy for TwoOfThree {
///     fn sample(&mut self, sample: &Sample) -> Trip {
///         self.0.push(sample.outcome == Outcome::Failure);
///         let last = &self.0[self.0.len().saturating_sub(3)..];
///         if last.iter().filter(|failed| **failed).count() >= 2 { Trip::Open } else { Trip::Stay }
///     }
///
///     fn closed(&mut self) {
///         self.0.clear();
///     }
/// }
///
/// let breaker = Breaker::builder("orders").trip_policy(TwoOfThree::default).build()?;
/// for _ in 0..2 {
///     breaker.try_acquire().unwrap().failure();
/// }
/// assert!(breaker.try_acquire().is_err());
/// # Ok::<(), tower_ready_breaker::ConfigError>(())
/// ```
pub trait TripPolicy: Send + 'static {
    /// A call that was let through while the circuit was closed is over.
    fn sample(&mut self, sample: &Sample) -> Trip;

    /// A probe has failed, and the circuit is open again: for how long, if not for as long as the
    /// breaker's open times say.
    fn reopened(&mut self) -> Option<Duration> {
        None
    }

    /// The circuit has closed again.
    fn closed(&mut self) {}
}

/// How a call went.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sample {
    /// What it says about the health of the peer.
    pub outcome: Outcome,
    /// Whether it was slow, by [`slow_calls`](crate::BreakerBuilder::slow_calls).
    pub slow: bool,
    /// When it ended.
    pub at: Instant,
}

/// What follows from a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trip {
    /// Nothing.
    Stay,
    /// The circuit opens, for as long as the breaker's open times say.
    Open,
    /// The circuit opens for this long.
    OpenFor(Duration),
}

impl fmt::Debug for dyn TripPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TripPolicy(..)")
    }
}
