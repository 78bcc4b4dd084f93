//! What answers mean, and what is answered.

use super::BreakerBuilder;
use crate::{Classify, Fallback};

impl BreakerBuilder {
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
}
