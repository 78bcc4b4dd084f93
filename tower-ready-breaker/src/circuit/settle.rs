//! What becomes of the outcome of a call.

use std::time::Duration;

use tower_ready_core::{Instant, Outcome};

use super::{Circuit, Kind, NO_SLOT, Reason, Ticket, Told};
use crate::{
    Sample, Trip,
    contained::contained,
    policy::Policy,
    sync::{Ordering::Relaxed, lock},
};

impl Circuit {
    /// A call is over.
    #[inline]
    pub(crate) fn settle(&self, policy: &Policy, ticket: Ticket, told: Told, now: Instant) {
        let word = self.word();
        if word.generation() != ticket.generation {
            self.tally.stale.fetch_add(1, Relaxed);
            return;
        }
        if ticket.flies {
            self.land(ticket, now);
        }
        if ticket.slot != NO_SLOT {
            return self.settle_probe(policy, ticket, told, now);
        }
        self.count(policy, ticket.generation, told, now);
        if policy.trip.is_some() {
            self.ask_trip_policy(policy, ticket.generation, told, now);
        }
    }

    /// The answer to a call is there: it is none of those that hang.
    pub(crate) fn land(&self, ticket: Ticket, now: Instant) {
        self.window.end(ticket.generation, Instant::from_nanos(ticket.began), now);
    }

    #[inline]
    pub(super) fn count(&self, policy: &Policy, generation: u32, told: Told, now: Instant) {
        if told.outcome != Outcome::Success || told.slow {
            return self.count_others(policy, generation, told, now);
        }
        self.window.add(Kind::Success, generation, now);
        self.end_row(policy, generation);
    }

    #[inline]
    pub(super) fn end_row(&self, policy: &Policy, generation: u32) {
        if policy.live.counts_consecutive() && self.row.load(Relaxed) as u32 != 0 {
            self.set_row(generation, |_| 0);
        }
    }

    /// Changes how many failures there were in a row, which a generation begins with none of. One
    /// that is over while its call is counted has no say in the next.
    #[cold]
    fn set_row(&self, generation: u32, change: impl Fn(u32) -> u32) {
        let changed = |row: u64| match generation.wrapping_sub((row >> 32) as u32) as i32 {
            0 => Some(u64::from(generation) << 32 | u64::from(change(row as u32))),
            1.. => Some(u64::from(generation) << 32 | u64::from(change(0))),
            _ => None,
        };
        let _ = self.row.fetch_update(Relaxed, Relaxed, changed);
    }

    fn row(&self, generation: u32) -> u32 {
        let row = self.row.load(Relaxed);
        if (row >> 32) as u32 == generation { row as u32 } else { 0 }
    }

    /// Whatever may open the circuit, or says nothing: rare while all is well.
    #[cold]
    pub(super) fn count_others(&self, policy: &Policy, generation: u32, told: Told, now: Instant) {
        match told.outcome {
            Outcome::Success => {
                self.window.add(Kind::Success, generation, now);
                self.end_row(policy, generation);
                self.window.add(Kind::Slow, generation, now);
                self.judge(policy, generation, None, now);
            }
            Outcome::Failure => {
                self.window.add(Kind::Failure, generation, now);
                if told.slow {
                    self.window.add(Kind::Slow, generation, now);
                }
                if policy.live.counts_consecutive() {
                    self.set_row(generation, |row| row.saturating_add(1));
                }
                self.judge(policy, generation, told.hint, now);
            }
            Outcome::RateLimited(wait) => {
                self.tally.rate_limited.fetch_add(1, Relaxed);
                let hint = wait.or(told.hint);
                if policy.count_rate_limits {
                    self.window.add(Kind::Failure, generation, now);
                    self.judge(policy, generation, hint, now);
                }
                if policy.honour_rate_limits
                    && let Some(hint) = hint.filter(|hint| !hint.is_zero())
                {
                    let asked = hint.min(policy.hint_cap);
                    self.trip(policy, generation, Reason::RateLimited, Some(asked), None, now);
                }
            }
            Outcome::Ignored => {
                self.ignore(told);
                if told.unanswered {
                    self.count_given_up(policy, generation, now);
                }
            }
        }
    }

    pub(super) fn ignore(&self, told: Told) {
        let tally = &self.tally;
        let counter = if told.dropped { &tally.dropped } else { &tally.ignored };
        counter.fetch_add(1, Relaxed);
    }

    /// Opens if the rules say so.
    pub(super) fn judge(
        &self,
        policy: &Policy,
        generation: u32,
        hint: Option<Duration>,
        now: Instant,
    ) {
        let rules = policy.live.rules();
        let counts = self.window.counts(generation, now);
        let late = match rules.slow {
            Some(slow) => self.window.late(generation, now - slow, now),
            None => 0,
        };
        if let Some(reason) = rules.judge(&counts, late, self.row(generation)) {
            self.trip(policy, generation, reason, None, hint, now);
        }
    }

    #[cold]
    pub(super) fn ask_trip_policy(
        &self,
        policy: &Policy,
        generation: u32,
        told: Told,
        now: Instant,
    ) {
        let sample = Sample { outcome: told.outcome, slow: told.slow, at: now };
        let trip = {
            let mut cold = lock(&self.cold);
            match &mut cold.trip {
                Some(trip) if self.word().generation() == generation => {
                    contained(|| trip.sample(&sample)).unwrap_or(Trip::Stay)
                }
                _ => Trip::Stay,
            }
        };
        match trip {
            Trip::Stay => {}
            Trip::Open => self.trip(policy, generation, Reason::TripPolicy, None, told.hint, now),
            Trip::OpenFor(time) => {
                self.trip(policy, generation, Reason::TripPolicy, Some(time), told.hint, now);
            }
        }
    }
}
