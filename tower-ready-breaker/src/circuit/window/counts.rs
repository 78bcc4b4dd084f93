use super::Kind;

/// What the window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that succeeded.
    pub successes: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that were too slow, of both kinds.
    pub slow: u64,
    /// Calls that a throttle did not let through.
    pub shed: u64,
}

impl Counts {
    /// Calls of which it is known how they went.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.successes + self.failures
    }

    /// The share of calls that failed, of none none.
    #[must_use]
    pub fn failure_rate(&self) -> f64 {
        share(self.failures, self.total())
    }

    /// The share of calls that were too slow, of none none.
    #[must_use]
    pub fn slow_rate(&self) -> f64 {
        share(self.slow, self.total())
    }

    pub(super) fn add(&mut self, kind: Kind, count: u64) {
        *match kind {
            Kind::Success => &mut self.successes,
            Kind::Failure => &mut self.failures,
            Kind::Slow => &mut self.slow,
            Kind::Shed => &mut self.shed,
        } += count;
    }
}

pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
