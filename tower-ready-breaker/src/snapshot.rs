use std::time::Duration;

use crate::{
    Counts, Reason,
    circuit::{Circuit, Phase},
    sync::Ordering::Relaxed,
};

/// What a circuit does with calls.
///
/// A circuit has no task of its own: one whose open time is over stays [`Open`](Self::Open) until
/// the next call comes and tries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// All pass.
    Closed,
    /// After it closed a growing share passes.
    Recovering,
    /// None pass.
    Open,
    /// A few pass, to find out.
    HalfOpen,
    /// None pass, until somebody says otherwise.
    ForcedOpen,
    /// All pass, whatever becomes of them.
    Disabled,
    /// All pass, and it is only said when they would not.
    MetricsOnly,
    /// A share passes that follows the rate of success.
    Throttling,
}

impl State {
    pub(crate) const fn of(phase: Phase) -> Self {
        match phase {
            Phase::Closed => Self::Closed,
            Phase::Recovering => Self::Recovering,
            Phase::Open => Self::Open,
            Phase::HalfOpen => Self::HalfOpen,
            Phase::ForcedOpen => Self::ForcedOpen,
            Phase::Disabled => Self::Disabled,
            Phase::Watching => Self::MetricsOnly,
            Phase::Throttling => Self::Throttling,
        }
    }

    /// One word, for labels: `closed`, `recovering`, `open`, `half_open`, `forced_open`,
    /// `disabled`, `metrics_only`, `throttling`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Recovering => "recovering",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
            Self::Throttling => "throttling",
        }
    }

    /// Whether most calls are not let through.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::HalfOpen | Self::ForcedOpen)
    }
}

/// A circuit at one moment.
///
/// Threads go on counting while it is taken, so sums may be off by the calls of that moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// What it does with calls.
    pub state: State,
    /// How often it has changed its state.
    pub generation: u32,
    /// Why it opened, while it is not closed.
    pub reason: Option<Reason>,
    /// How long until an open circuit may be tried.
    pub retry_after: Option<Duration>,
    /// What the window holds.
    pub window: Counts,
    /// What was counted since the breaker was built, probes included.
    pub totals: Counts,
    /// Calls that were not let through.
    pub rejected: u64,
    /// Calls that said nothing about the peer.
    pub ignored: u64,
    /// Calls that were given up early. Many of these are worth a look at
    /// [`abandon_after`](crate::BreakerBuilder::abandon_after).
    pub dropped: u64,
    /// Calls to which the peer answered that it has had enough.
    pub rate_limited: u64,
    /// Calls whose outcome came after the state that let them through was over.
    pub stale: u64,
    /// The share of calls that a throttle sheds.
    pub shed_share: f64,
}

impl Snapshot {
    /// Whether nobody has ever used the circuit.
    pub(crate) const fn is_blank(&self) -> bool {
        let said_nothing = self.ignored + self.dropped + self.rate_limited + self.stale;
        self.generation == 0 && self.totals.total() + self.rejected + said_nothing == 0
    }

    pub(crate) fn of(circuit: &Circuit) -> Self {
        let now = tower_ready_core::Instant::now();
        let tally = circuit.tally();
        Self {
            state: State::of(circuit.phase()),
            generation: circuit.generation(),
            reason: circuit.reason(),
            retry_after: circuit.opens_until().map(|until| until.since(now)),
            window: circuit.counts(now),
            totals: circuit.totals(),
            rejected: circuit.rejected(),
            ignored: tally.ignored.load(Relaxed),
            dropped: tally.dropped.load(Relaxed),
            rate_limited: tally.rate_limited.load(Relaxed),
            stale: tally.stale.load(Relaxed),
            shed_share: circuit.shed_share(),
        }
    }
}
