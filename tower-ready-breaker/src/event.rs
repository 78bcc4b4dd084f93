//! What a breaker tells of its work.

use std::time::Duration;

use crate::circuit::Reason;

/// A breaker changed its state. Single calls are counted, and not told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The name of the breaker.
    pub breaker: &'a str,
    /// The key, where there is a circuit for each.
    pub key: Option<&'a str>,
    /// The generation that begins, which puts events of several threads in order.
    pub generation: u32,
    /// What happened.
    pub change: Change,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// No call passes any more.
    #[non_exhaustive]
    Opened {
        /// Why.
        reason: Reason,
        /// For how long.
        open_for: Duration,
    },
    /// A few calls pass, to find out.
    HalfOpened,
    /// Calls pass again.
    Closed,
    /// Under [`metrics_only`](crate::Breaker::metrics_only): it would have opened now.
    #[non_exhaustive]
    WouldOpen {
        /// Why.
        reason: Reason,
    },
    /// It would have opened now, but too many of its group are open already.
    #[non_exhaustive]
    Spared {
        /// Why it would have opened.
        reason: Reason,
    },
    /// Somebody [forced](crate::Breaker::force_open) it open.
    ForcedOpen,
    /// Somebody [disabled](crate::Breaker::disable) it.
    Disabled,
    /// Somebody set it to [look on](crate::Breaker::metrics_only).
    MetricsOnly,
}

impl Change {
    /// One word, for labels: `opened`, `half_opened`, `closed`, `would_open`, `spared`,
    /// `forced_open`, `disabled`, `metrics_only`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::HalfOpened => "half_opened",
            Self::Closed => "closed",
            Self::WouldOpen { .. } => "would_open",
            Self::Spared { .. } => "spared",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

/// Hears of the events of a breaker: a closure, `()` for nobody, a tuple of two.
///
/// It is called by whoever brought the change about, outside of any lock, so it may ask and command
/// the breaker. A panic of it is caught and forgotten.
pub trait OnBreaker: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

impl OnBreaker for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<F> OnBreaker for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<A: OnBreaker, B: OnBreaker> OnBreaker for (A, B) {
    fn on_event(&self, event: &Event<'_>) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}
