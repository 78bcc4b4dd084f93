//! The decision about one request.

use std::{fmt, pin::Pin, time::Duration};

use http::HeaderValue;
use tower_ready_core::{Instant, LocalRejection};
use tower_ready_problem::{
    Problem, ProblemType,
    types::{MALFORMED_REQUEST, QUOTA_EXCEEDED, UNAVAILABLE},
};

use crate::{
    Decision, Fields, Head, KeyHash, Reason,
    after::After,
    decision::Standing,
    event::Event,
    fields::{Item, Lines},
    limiter::Shared,
    plan::Fetch,
    rule::{Rule, Who},
    store::{Demand, Reading, Store, StoreError, Taking},
};

/// What becomes of a request.
pub(crate) enum Step<St: Store> {
    Pass(Pass<St>),
    Refuse(Box<Refusal>),
    /// A plan is on its way; then the decision begins anew.
    Fetch(Fetch),
    /// The store is being asked.
    Trip(Box<Trip<St>>),
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
    pub(crate) decision: Option<Decision>,
}

/// A set on its way to the store.
pub(crate) struct Trip<St: Store> {
    pub(crate) future: Pin<Box<St::Trip>>,
    now: Instant,
    demands: Vec<Demand>,
    rules: Vec<u8>,
    after: Option<Box<After<St>>>,
}

/// The demands of one request. There is room for as many as there are policies, on the stack.
struct Set<const N: usize> {
    demands: [Demand; N],
    rules: [u8; N],
    len: usize,
}

/// A set that was answered.
struct Answered<'a> {
    now: Instant,
    demands: &'a [Demand],
    rules: &'a [u8],
    readings: &'a [Reading],
}

enum Gathered {
    Ready,
    Refused(Box<Refusal>),
    Fetch(Fetch),
}

impl<St: Store> Shared<St> {
    #[inline(always)]
    pub(crate) fn decide(&self, head: &Head<'_>, fetch: bool) -> Step<St> {
        match &*self.rules {
            [rule] if self.is_simple => self.decide_simply(rule, head),
            [_, _] => self.decide_among::<2>(head, fetch),
            _ => self.decide_among::<8>(head, fetch),
        }
    }

    /// One policy of a quota that ends with the decision: what most limiters are, without the
    /// detour that a set takes.
    #[inline(always)]
    fn decide_simply(&self, rule: &Rule, head: &Head<'_>) -> Step<St> {
        if !rule.applies(head) {
            return Step::Pass(Pass::nothing());
        }
        let now = Instant::now();
        let key = match rule.who(head) {
            Who::Key(key) => key,
            Who::Nobody => return Step::Pass(Pass::nothing()),
            Who::Unknown => return Step::Refuse(self.refuse_unknown(rule)),
        };
        let demand = [Demand {
            key,
            quota: rule.quota.get(),
            units: rule.units(head),
            debt: rule.policy.debt,
        }];
        let mut reading = [Reading::default()];
        let taking = self.store.take(now, &demand, &mut reading);
        if let (Taking::Done(true), Fields::None) = (&taking, self.fields) {
            rule.counters.allowed.add_one();
            return Step::Pass(Pass::nothing());
        }
        self.conclude_simply(now, &demand, &reading, taking)
    }

    #[inline(never)]
    fn conclude_simply(
        &self,
        now: Instant,
        demands: &[Demand; 1],
        readings: &[Reading; 1],
        taking: Taking<St::Trip>,
    ) -> Step<St> {
        let rules = &[0];
        match taking {
            Taking::Done(taken) => {
                let answered = Answered {
                    now,
                    demands,
                    rules,
                    readings,
                };
                self.conclude(&answered, taken, None)
            }
            Taking::Trip(future) => self.trip(future, now, demands, rules, None),
        }
    }

    #[cold]
    fn trip(
        &self,
        future: St::Trip,
        now: Instant,
        demands: &[Demand],
        rules: &[u8],
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        Step::Trip(Box::new(Trip {
            future: Box::pin(future),
            now,
            demands: demands.to_vec(),
            rules: rules.to_vec(),
            after,
        }))
    }

    #[inline(never)]
    fn decide_among<const N: usize>(&self, head: &Head<'_>, fetch: bool) -> Step<St> {
        if self.exempt.iter().any(|exempt| exempt(head)) {
            return Step::Pass(Pass::nothing());
        }
        let now = Instant::now();
        let mut set = Set::<N>::new();
        let mut after = None;
        match self.gather(head, now, fetch, &mut set, &mut after) {
            Gathered::Ready => {}
            Gathered::Refused(refusal) => return Step::Refuse(refusal),
            Gathered::Fetch(fetch) => return Step::Fetch(fetch),
        }
        let mut readings = [Reading::default(); N];
        let readings = &mut readings[..set.len];
        match self.store.take(now, &set.demands[..set.len], readings) {
            Taking::Done(taken) => {
                let answered = Answered {
                    now,
                    demands: &set.demands[..set.len],
                    rules: &set.rules[..set.len],
                    readings,
                };
                let step = self.conclude(&answered, taken, after);
                if self.has_shadows && matches!(step, Step::Pass(_)) {
                    self.look_on(head, now);
                }
                step
            }
            Taking::Trip(future) => {
                let (demands, rules) = (&set.demands[..set.len], &set.rules[..set.len]);
                self.trip(future, now, demands, rules, after)
            }
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
            if rule.policy.shadow || !rule.applies(head) {
                continue;
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
                    Some((permit, _)) => self.after(after).hold(permit),
                    None => {
                        let wait = rule.strike(key, now, Duration::from_secs(1));
                        let reason = Reason::Concurrency;
                        return Gathered::Refused(self.refuse_one(rule, key, reason, wait));
                    }
                }
                continue;
            }
            match rule.demand(head, key, now) {
                Ok(demand) => set.push(at, demand),
                Err(later) if fetch => return Gathered::Fetch(later),
                // The plan was fetched just now and is gone again: the cache is too small.
                Err(_) => set.push(at, rule.demand_without_plan(head, key)),
            }
        }
        Gathered::Ready
    }

    /// Ends a decision that had to ask the store.
    pub(crate) fn conclude_trip(
        &self,
        trip: &mut Trip<St>,
        result: Result<Vec<Reading>, StoreError>,
    ) -> Step<St> {
        match result {
            Ok(readings) if readings.len() == trip.demands.len() => {
                let answered = Answered {
                    now: trip.now,
                    demands: &trip.demands,
                    rules: &trip.rules,
                    readings: &readings,
                };
                let taken = readings.iter().all(Reading::had_enough);
                let after = trip.after.take();
                self.conclude(&answered, taken, after)
            }
            Ok(_) => self.store_failed(&StoreError::new("it answered for another set")),
            Err(error) => self.store_failed(&error),
        }
    }

    #[inline]
    fn conclude(
        &self,
        set: &Answered<'_>,
        taken: bool,
        mut after: Option<Box<After<St>>>,
    ) -> Step<St> {
        if !taken {
            return Step::Refuse(self.refuse(set));
        }
        for (rule, demand) in set.rules.iter().zip(set.demands) {
            let at = usize::from(*rule);
            let rule = &self.rules[at];
            rule.counters.allowed.add_one();
            if rule.policy.counts.is_some() || rule.policy.settle.is_some() {
                self.after(&mut after).reserve(at, *demand);
            }
        }
        Step::Pass(Pass {
            lines: match self.fields {
                Fields::None => Lines::None,
                fields => fields.lines(self.items(set, false), self.policy_line(set)),
            },
            after,
            decision: self.expose(set, true),
        })
    }

    fn after<'a>(&self, after: &'a mut Option<Box<After<St>>>) -> &'a mut After<St> {
        after.get_or_insert_with(|| Box::new(After::new(self.clone())))
    }

    /// The line that was written when the limiter was built, if it is still right.
    fn policy_line(&self, set: &Answered<'_>) -> Option<&HeaderValue> {
        let line = self.policy_line.as_ref()?;
        let same = |(rule, demand): (&u8, &Demand)| {
            self.rules[usize::from(*rule)].original == Some(demand.quota)
        };
        let all = set.rules.len() == self.rules.len();
        (all && set.rules.iter().zip(set.demands).all(same)).then_some(line)
    }

    /// What the fields say; of a refusal only the policies that were violated, so that no other
    /// points further into the future than `Retry-After`.
    fn items<'a>(
        &'a self,
        set: &'a Answered<'a>,
        refused: bool,
    ) -> impl Iterator<Item = Item<'a>> + Clone {
        set.standings()
            .filter(move |(_, _, reading)| !(refused && reading.enough))
            .map(move |(rule, demand, reading)| {
                let level = reading.level(set.now, demand);
                Item::Rate {
                    name: &self.rules[rule].policy.name,
                    refused: (!reading.enough)
                        .then(|| level.wait(demand.units))
                        .flatten(),
                    level,
                }
            })
    }

    fn expose(&self, set: &Answered<'_>, passed: bool) -> Option<Box<Decision>> {
        self.exposes.then(|| {
            let standing = |(rule, demand, reading): (usize, &Demand, &Reading)| Standing {
                policy: self.rules[rule].policy.name.clone(),
                level: reading.level(set.now, demand),
                enough: reading.enough,
            };
            Box::new(Decision::new(set.standings().map(standing), passed))
        })
    }

    #[cold]
    fn refuse(&self, set: &Answered<'_>) -> Box<Refusal> {
        let mut longest = Some(Duration::ZERO);
        let mut problem = rejection(&QUOTA_EXCEEDED, Reason::Quota);
        for (at, demand, reading) in set.standings().filter(|(_, _, reading)| !reading.enough) {
            let rule = &self.rules[at];
            let wait = reading.level(set.now, demand).wait(demand.units);
            let wait = wait.map(|wait| rule.strike(demand.key, set.now, wait));
            longest = longest.and_then(|longest| wait.map(|wait| wait.max(longest)));
            problem = problem.violated_policy(rule.policy.name.clone());
            self.tell_refused(rule, demand.key, wait, Reason::Quota);
        }
        let problem = match longest {
            Some(wait) => problem.retry_after(wait),
            None => {
                problem.detail("it costs more than the quota allows at once, so it never passes")
            }
        };
        Box::new(Refusal {
            problem,
            lines: self.fields.lines(self.items(set, true), None),
            decision: self.expose(set, false).map(|decision| *decision),
        })
    }

    #[cold]
    fn refuse_one(
        &self,
        rule: &Rule,
        key: KeyHash,
        reason: Reason,
        wait: Duration,
    ) -> Box<Refusal> {
        self.tell_refused(rule, key, Some(wait), reason);
        let item = rule.permits.as_ref().map(|permits| Item::Permits {
            name: &rule.policy.name,
            each: permits.each(),
            left: 0,
        });
        Box::new(Refusal {
            problem: rejection(&QUOTA_EXCEEDED, reason)
                .violated_policy(rule.policy.name.clone())
                .retry_after(wait),
            lines: match item {
                Some(item) if reason == Reason::Concurrency => {
                    self.fields.lines(Some(item).into_iter(), None)
                }
                _ => Lines::None,
            },
            decision: None,
        })
    }

    #[cold]
    fn refuse_unknown(&self, rule: &Rule) -> Box<Refusal> {
        rule.counters.refused.add_one();
        self.observer.on_event(&Event::Missing {
            policy: &rule.policy.name,
        });
        Box::new(Refusal {
            problem: rejection(&MALFORMED_REQUEST, Reason::Key)
                .detail("the request does not say on whose behalf it comes"),
            lines: Lines::None,
            decision: None,
        })
    }

    /// A refusal for a fault of ours is no `429`, which would blame the caller.
    #[cold]
    fn store_failed(&self, error: &StoreError) -> Step<St> {
        self.observer.on_event(&Event::StoreFailed { error });
        Step::Refuse(Box::new(Refusal {
            problem: rejection(&UNAVAILABLE, Reason::Store).retry_after(Duration::from_secs(1)),
            lines: Lines::None,
            decision: None,
        }))
    }

    fn tell_refused(&self, rule: &Rule, key: KeyHash, wait: Option<Duration>, reason: Reason) {
        rule.counters.refused.add_one();
        self.observer.on_event(&Event::Refused {
            policy: &rule.policy.name,
            key: key.tag(),
            retry_after: wait,
            reason,
            shadow: false,
        });
    }

    /// Lets the policies in shadow mode count a request that passes.
    #[cold]
    fn look_on(&self, head: &Head<'_>, now: Instant) {
        for rule in self
            .rules
            .iter()
            .filter(|rule| rule.policy.shadow && rule.applies(head))
        {
            let Who::Key(key) = rule.who(head) else {
                continue;
            };
            let demand = match rule.demand(head, key, now) {
                Ok(demand) => demand,
                Err(_) => rule.demand_without_plan(head, key),
            };
            let mut reading = [Reading::default()];
            match self.store.take(now, &[demand], &mut reading) {
                Taking::Done(true) | Taking::Trip(_) => rule.counters.allowed.add_one(),
                Taking::Done(false) => {
                    rule.counters.would_refuse.add_one();
                    self.observer.on_event(&Event::Refused {
                        policy: &rule.policy.name,
                        key: key.tag(),
                        retry_after: reading[0].level(now, &demand).wait(demand.units),
                        reason: Reason::Quota,
                        shadow: true,
                    });
                }
            }
        }
    }
}

fn rejection(kind: &'static ProblemType, reason: Reason) -> Problem {
    Problem::new(kind).rejected_by(LocalRejection::new("ratelimit", reason.as_str()))
}

impl Rule {
    /// How long a refused key has to wait: longer, if there is a penalty.
    fn strike(&self, key: KeyHash, now: Instant, wait: Duration) -> Duration {
        match &self.penalties {
            Some(penalties) => penalties.strike(key, now, wait),
            None => wait,
        }
    }

    fn demand_without_plan(&self, head: &Head<'_>, key: KeyHash) -> Demand {
        Demand {
            key,
            quota: self.quota.get(),
            units: self.units(head),
            debt: self.policy.debt,
        }
    }
}

impl<const N: usize> Set<N> {
    #[inline]
    fn new() -> Self {
        Self {
            demands: [Demand::NOTHING; N],
            rules: [0; N],
            len: 0,
        }
    }

    #[inline]
    fn push(&mut self, rule: usize, demand: Demand) {
        if let (Some(place), Some(at)) =
            (self.demands.get_mut(self.len), self.rules.get_mut(self.len))
        {
            *place = demand;
            *at = rule as u8;
            self.len += 1;
        }
    }
}

impl<'a> Answered<'a> {
    fn standings(
        &self,
    ) -> impl Iterator<Item = (usize, &'a Demand, &'a Reading)> + Clone + use<'a> {
        let rules = self.rules.iter().map(|rule| usize::from(*rule));
        rules
            .zip(self.demands.iter().zip(self.readings))
            .map(|(rule, (demand, reading))| (rule, demand, reading))
    }
}

impl<St: Store> Pass<St> {
    pub(crate) const fn nothing() -> Self {
        Self {
            lines: Lines::None,
            after: None,
            decision: None,
        }
    }
}

impl<St: Store> fmt::Debug for Trip<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trip")
            .field("demands", &self.demands)
            .finish_non_exhaustive()
    }
}
