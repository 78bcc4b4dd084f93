//! How long a circuit is open, and how it closes.

use std::time::Duration;

use super::BreakerBuilder;
use crate::circuit::Times;

impl BreakerBuilder {
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

    /// How long a body is waited for before its good head is enough: that of a probe's answer is not
    /// waited for longer, and one that goes on longer has succeeded; if it breaks later, that is a
    /// failure more. Default: 5 s.
    pub fn stream_after(mut self, time: Duration) -> Self {
        self.stream_after = time;
        self
    }

    /// After the circuit has closed, lets a share of the calls through that grows over this time
    /// from a tenth to all. Default: none, all pass at once.
    pub fn recover_over(mut self, time: Duration) -> Self {
        self.ramp = time;
        self
    }
}
