use std::{fmt, sync::Arc, time::Duration};

use tower_ready_core::Instant;

use super::{Reason, Refusal, Round, given_up::GivenUp, waiting::Waiting};
use crate::{TripPolicy, contained::contained, policy::Policy};

/// What changes only with the state.
#[derive(Default)]
pub(super) struct Cold {
    pub(super) key: Option<Arc<str>>,
    pub(super) round: Option<Round>,
    /// When it last closed, in nanoseconds.
    pub(super) closed: u64,
    pub(super) reason: Option<Reason>,
    /// Whether it was said that it would open.
    pub(super) told: bool,
    /// Whether it is one of those of its group that may be open.
    pub(super) counted: bool,
    pub(super) trip: Option<Box<dyn TripPolicy>>,
    pub(super) waiting: Waiting,
    pub(super) given_up: Option<Box<GivenUp>>,
}

impl Cold {
    pub(super) fn leave_group(&mut self, policy: &Policy) {
        if let Some(budget) = &policy.budget
            && std::mem::take(&mut self.counted)
        {
            budget.give_back();
        }
    }

    /// After a whole window without an opening the times start over.
    pub(super) fn forget_rounds(&mut self, policy: &Policy, now: Instant) {
        if now.since(Instant::from_nanos(self.closed)) >= policy.span.length() {
            self.round = None;
        }
    }

    pub(super) fn start_over(&mut self) {
        if let Some(trip) = &mut self.trip {
            contained(|| trip.closed());
        }
    }

    /// What a rule of our user's says of a circuit whose probe has failed.
    pub(super) fn reopened(&mut self) -> Option<Duration> {
        let trip = self.trip.as_mut()?;
        contained(|| trip.reopened()).flatten()
    }

    pub(super) fn next(&mut self, policy: &Policy) -> Duration {
        let round = self.round.get_or_insert_with(|| policy.times.round());
        contained(|| round.next()).flatten().unwrap_or(Refusal::MOMENT)
    }
}

impl fmt::Debug for Cold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cold")
            .field("key", &self.key)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
