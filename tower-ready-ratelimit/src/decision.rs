use std::{borrow::Cow, sync::Arc};

use http::Extensions;

use crate::Level;

/// What a limiter decided about a request, policy by policy.
///
/// It is in the extensions of the request and of the response when the limiter was told to
/// [`expose`](crate::RateLimiterBuilder::expose) it, also where no bucket was asked: of an exempt
/// request, or one that was refused for want of a permit.
#[derive(Clone, Debug)]
pub struct Decision {
    standings: Arc<[Standing]>,
    passed: bool,
    degraded: bool,
}

/// How one policy stands after a decision.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Standing {
    /// The policy.
    pub policy: Cow<'static, str>,
    /// Its bucket.
    pub level: Level,
    /// Whether the bucket had enough.
    pub enough: bool,
}

impl Decision {
    pub(crate) fn new(standings: impl Iterator<Item = Standing>, passed: bool) -> Self {
        Self { standings: standings.collect(), passed, degraded: false }
    }

    pub(crate) const fn degrade(&mut self) {
        self.degraded = true;
    }

    /// The decision of the innermost limiter that exposed one.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Whether the request passed.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.passed
    }

    /// Whether it was made without the store, which could not be asked.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// Every policy of a quota that applied.
    #[must_use]
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// The policy that leaves the least.
    #[must_use]
    pub fn tightest(&self) -> Option<&Standing> {
        self.standings.iter().min_by_key(|standing| standing.level.remaining())
    }
}
