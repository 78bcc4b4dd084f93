//! When a circuit opens.

use std::time::Duration;

use super::{Abandon, BreakerBuilder};
use crate::TripPolicy;

impl BreakerBuilder {
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

    /// Has no states at all: sheds the calls beyond `factor` times as many as succeed. 2.0 is
    /// usual; less sheds more. Default: off. The rules and times of the states then mean nothing.
    pub fn throttle(mut self, factor: f64) -> Self {
        self.throttle = Some(factor);
        self
    }
}
