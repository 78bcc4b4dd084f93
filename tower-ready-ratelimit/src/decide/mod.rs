//! The decision about one request.

mod conclude;
mod refuse;
mod set;
mod shadow;
mod trip;

use std::{pin::Pin, time::Duration};

use tower_ready_core::Instant;
use tower_ready_problem::Problem;

use self::set::Set;
pub(crate) use self::{
    refuse::NAME,
    set::{Answered, Want},
};
use crate::{
    Decision, Fields, Head, Reason,
    after::After,
    fields::Lines,
    limiter::Shared,
    plan::Fetch,
    rule::{Rule, Who},
    store::{Demand, Reading, Store, Taking},
};

/// What becomes of a request.
pub(crate) enum Step<St: Store> {
    Pass(Pass<St>),
    Refuse(Refusal),
    /// A plan is on its way; then the decision begins anew.
    Fetch(Fetch),
    /// The store is being asked, or others are in front.
    Later(Later<St>),
}

pub(crate) struct Pass<St: Store> {
    pub(crate) lines: Lines,
    pub(crate) after: Option<Box<After<St>>>,
    pub(crate) decision: Option<Box<Decision>>,
}

#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    pub(crate) lines: Lines,
    pub(crate) decision: Option<Box<Decision>>,
}

/// A decision on its way. It is a cold path, so it may be boxed.
pub(crate) type Later<St> = Pin<Box<dyn Future<Output = Step<St>> + Send>>;
enum Gathered {
    Ready,
    Refused(Refusal),
    Fetch(Fetch),
}

impl<St: Store> Shared<St> {
    /// Decides. That a request passes and leaves nothing to do is told by no value at all: then
    /// nothing large is made only to be thrown away.
    #[inline]
    pub(crate) fn decide(&self, head: &Head<'_>) -> Result<(), Step<St>> {
        match &*self.rules {
            [rule] if self.is_simple => self.decide_simply(rule, head),
            _ => Err(self.decide_at_length(head, true)),
        }
    }

    /// Decides, with room for the policies that there are.
    pub(crate) fn decide_at_length(&self, head: &Head<'_>, fetch: bool) -> Step<St> {
        match self.rules.len() {
            0..=2 => self.decide_among::<2>(head, fetch),
            _ => self.decide_among::<8>(head, fetch),
        }
    }

    /// One policy of a quota that ends with the decision: what most limiters are, without the
    /// detour that a set takes.
    #[inline]
    fn decide_simply(&self, rule: &Rule, head: &Head<'_>) -> Result<(), Step<St>> {
        if !rule.applies(head) {
            return Ok(());
        }
        let now = Instant::now();
        let key = match rule.who(head) {
            Who::Key(key) => key,
            Who::Nobody => return Ok(()),
            Who::Unknown => return Err(Step::Refuse(self.refuse_unknown(rule))),
        };
        // Borrowed, not copied: a copy of what was written word by word just now makes the
        // processor wait for all of its words.
        let quota = rule.quota.get();
        let demand = [rule.demand(key, &quota, head)];
        let mut reading = [Reading::default()];
        let taking = self.store.take(now, &demand, &mut reading);
        if let (Taking::Done(true), Fields::None) = (&taking, self.fields) {
            rule.counters.allowed.add_one();
            return Ok(());
        }
        let [demand] = &demand;
        Err(self.conclude_simply(now, demand, &reading, taking))
    }

    #[inline(never)]
    fn conclude_simply(
        &self,
        now: Instant,
        demand: &Demand<'_>,
        readings: &[Reading; 1],
        taking: Taking<St::Trip>,
    ) -> Step<St> {
        let wants = &[Want::of(0, demand)];
        match taking {
            Taking::Done(taken) => {
                let answered = Answered { now, wants, readings };
                self.conclude(&answered, taken, None)
            }
            Taking::Trip(future) => self.trip(future, now, wants, None),
        }
    }

    #[inline(never)]
    fn decide_among<const N: usize>(&self, head: &Head<'_>, fetch: bool) -> Step<St> {
        if self.exempt.iter().any(|exempt| exempt(head)) {
            return Step::Pass(Pass {
                lines: Lines::None,
                after: None,
                decision: self.expose_without_bucket(true),
            });
        }
        let now = Instant::now();
        let mut set = Set::<N>::new();
        let mut after = None;
        match self.gather(head, now, fetch, &mut set, &mut after) {
            Gathered::Ready => {}
            Gathered::Refused(refusal) => return Step::Refuse(refusal),
            Gathered::Fetch(fetch) => return Step::Fetch(fetch),
        }
        let step = self.decide_set(now, &set, after);
        if self.has_shadows { self.look_on(head, now, step) } else { step }
    }

    #[inline]
    fn decide_set<const N: usize>(
        &self,
        now: Instant,
        set: &Set<N>,
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let mut readings = [Reading::default(); N];
        let readings = &mut readings[..set.len];
        let wants = &set.wants[..set.len];
        #[cfg(feature = "delay")]
        if let Some(behind) = self.behind(wants) {
            return self.line_up(now, wants, behind, None, after);
        }
        let demands = set.wants.each_ref().map(Want::demand);
        match self.store.take(now, &demands[..set.len], readings) {
            Taking::Done(taken) => {
                let answered = Answered { now, wants, readings };
                #[cfg(feature = "delay")]
                if !taken && let Some((short, level)) = self.may_wait(&answered) {
                    return self.line_up(now, wants, short, Some(level), after);
                }
                self.conclude(&answered, taken, after)
            }
            Taking::Trip(future) => self.trip(future, now, wants, after),
        }
    }

    /// What each policy wants; permits are taken on the way.
    #[inline]
    fn gather<const N: usize>(
        &self,
        head: &Head<'_>,
        now: Instant,
        fetch: bool,
        set: &mut Set<N>,
        after: &mut Option<Box<After<St>>>,
    ) -> Gathered {
        for (at, rule) in self.rules.iter().enumerate() {
            if !rule.applies(head) {
                continue;
            }
            if rule.policy.shadow {
                match rule.quota_of(head, now) {
                    Err(later) if fetch => return Gathered::Fetch(later),
                    _ => continue,
                }
            }
            let key = match rule.who(head) {
                Who::Key(key) => key,
                Who::Nobody => continue,
                Who::Unknown => return Gathered::Refused(self.refuse_unknown(rule)),
            };
            if let Some(penalties) = &rule.penalties
                && let Some(left) = penalties.remaining(key, now)
            {
                return Gathered::Refused(self.refuse_one(rule, key, Reason::Penalty, left));
            }
            if let Some(permits) = &rule.permits {
                match permits.acquire(key) {
                    Some((permit, _)) => self.after(after).hold(at, permit),
                    None => {
                        let wait = rule.strike(key, now, Duration::from_secs(1));
                        let reason = Reason::Concurrency;
                        return Gathered::Refused(self.refuse_one(rule, key, reason, wait));
                    }
                }
                continue;
            }
            let quota = match rule.quota_of(head, now) {
                Ok(quota) => quota,
                Err(later) if fetch => return Gathered::Fetch(later),
                // The plan was fetched just now and is gone again: the cache is too small.
                Err(_) => rule.quota.get(),
            };
            set.push(Want::of(at, &rule.demand(key, &quota, head)));
        }
        Gathered::Ready
    }
}
