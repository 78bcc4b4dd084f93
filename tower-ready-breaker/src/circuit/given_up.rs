//! Calls that are given up before anything is known of them.
//!
//! One of them says nothing. When most calls end like that, a timeout further out is shorter than
//! `abandon_after`, and hides a peer that may be dead. That is said once.

use tower_ready_core::Instant;

use super::Circuit;
use crate::{policy::Policy, sync::lock};

/// Boxed, since most circuits have none.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    /// When the first of these calls was given up, in nanoseconds, and how many within a window.
    since: u64,
    calls: u64,
    was_told: bool,
}

impl Circuit {
    #[cold]
    pub(super) fn count_given_up(&self, policy: &Policy, generation: u32, now: Instant) {
        if policy.live.abandon() == 0 {
            return;
        }
        let mut cold = lock(&self.cold);
        let it = cold.given_up.get_or_insert_default();
        if now.since(Instant::from_nanos(it.since)) >= policy.span.length() {
            (it.since, it.calls) = (now.as_nanos(), 0);
        }
        it.calls += 1;
        let calls = it.calls;
        if it.was_told
            || calls < policy.live.rules().min_calls.into()
            || calls <= self.window.counts(generation, now).total()
        {
            return;
        }
        it.was_told = true;
        let key = cold.key.clone();
        drop(cold);
        policy.warn_of_given_up(key.as_deref(), calls);
    }
}
