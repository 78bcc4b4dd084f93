//! The decision about one request.

use std::{pin::Pin, time::Duration};

use http::HeaderValue;
use tower_ready_core::{Instant, LocalRejection};
use tower_ready_problem::{
    Problem, ProblemType,
    types::{MALFORMED_REQUEST, QUOTA_EXCEEDED, UNAVAILABLE},
};

use crate::{
    Decision, Fields, Head, KeyHash, Quota, Reason,
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

/// What one policy wants for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    pub(crate) rule: usize,
    pub(crate) key: KeyHash,
    pub(crate) quota: Quota,
    pub(crate) units: u64,
    debt: u64,
}

/// What all policies want. There is room for as many as there are, on the stack.
struct Set<const N: usize> {
    wants: [Want; N],
    len: usize,
}

/// A set that was answered.
pub(crate) struct Answered<'a> {
    pub(crate) now: Instant,
    pub(crate) wants: &'a [Want],
    pub(crate) readings: &'a [Reading],
}

enum Gathered {
    Ready,
    Refused(Refusal),
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
        // Borrowed, not copied: a copy of what was written word by word just now makes the
        // processor wait for all of its words.
        let quota = rule.quota.get();
        let demand = [Demand {
            key,
            quota: &quota,
            units: rule.units(head),
            debt: rule.policy.debt,
        }];
        let mut reading = [Reading::default()];
        let taking = self.store.take(now, &demand, &mut reading);
        if let (Taking::Done(true), Fields::None) = (&taking, self.fields) {
            rule.counters.allowed.add_one();
            return Step::Pass(Pass::nothing());
        }
        let [demand] = &demand;
        self.conclude_simply(now, demand, &reading, taking)
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
                let answered = Answered {
                    now,
                    wants,
                    readings,
                };
                self.conclude(&answered, taken, None)
            }
            Taking::Trip(future) => self.trip(future, now, wants, None),
        }
    }

    #[cold]
    fn trip(
        &self,
        future: St::Trip,
        now: Instant,
        wants: &[Want],
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let (limiter, wants) = (self.clone(), wants.to_vec());
        Step::Later(Box::pin(async move {
            match future.await {
                Ok(readings) if readings.len() == wants.len() => {
                    let answered = Answered {
                        now,
                        wants: &wants,
                        readings: &readings,
                    };
                    let taken = readings.iter().all(Reading::had_enough);
                    limiter.conclude(&answered, taken, after)
                }
                Ok(_) => limiter.store_failed(&StoreError::new("it answered for another set")),
                Err(error) => limiter.store_failed(&error),
            }
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
        let wants = &set.wants[..set.len];
        #[cfg(feature = "delay")]
        if let Some(behind) = self.behind(wants) {
            return self.line_up(now, wants, behind, after);
        }
        let demands = set.wants.each_ref().map(Want::demand);
        match self.store.take(now, &demands[..set.len], readings) {
            Taking::Done(taken) => {
                let answered = Answered {
                    now,
                    wants,
                    readings,
                };
                #[cfg(feature = "delay")]
                if !taken && let Some(short) = self.may_wait(&answered) {
                    return self.line_up(now, wants, short, after);
                }
                let step = self.conclude(&answered, taken, after);
                if self.has_shadows && matches!(step, Step::Pass(_)) {
                    self.look_on(head, now);
                }
                step
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
            let quota = match rule.quota_of(head, now) {
                Ok(quota) => quota,
                Err(later) if fetch => return Gathered::Fetch(later),
                // The plan was fetched just now and is gone again: the cache is too small.
                Err(_) => rule.quota.get(),
            };
            set.push(Want {
                rule: at,
                key,
                quota,
                units: rule.units(head),
                debt: rule.policy.debt,
            });
        }
        Gathered::Ready
    }

    #[inline]
    pub(crate) fn conclude(
        &self,
        set: &Answered<'_>,
        taken: bool,
        mut after: Option<Box<After<St>>>,
    ) -> Step<St> {
        if !taken {
            return Step::Refuse(self.refuse(set));
        }
        for want in set.wants {
            let rule = &self.rules[want.rule];
            rule.counters.allowed.add_one();
            if rule.policy.counts.is_some() || rule.policy.settle.is_some() {
                self.after(&mut after).reserve(want.rule, &want.demand());
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
        let same = |want: &Want| self.rules[want.rule].original == Some(want.quota);
        (set.wants.len() == self.rules.len() && set.wants.iter().all(same)).then_some(line)
    }

    /// What the fields say; of a refusal only the policies that were violated, so that no other
    /// points further into the future than `Retry-After`.
    fn items<'a>(
        &'a self,
        set: &'a Answered<'a>,
        refused: bool,
    ) -> impl Iterator<Item = Item<'a>> + Clone {
        let told = set
            .standings()
            .filter(move |(_, reading)| !(refused && reading.enough));
        told.map(move |(want, reading)| {
            let level = reading.level(set.now, &want.demand());
            let wait = (!reading.enough).then(|| level.wait(want.units));
            Item::Rate {
                name: &self.rules[want.rule].policy.name,
                refused: wait.flatten(),
                level,
            }
        })
    }

    fn expose(&self, set: &Answered<'_>, passed: bool) -> Option<Box<Decision>> {
        self.exposes.then(|| {
            let standing = |(want, reading): (&Want, &Reading)| Standing {
                policy: self.rules[want.rule].policy.name.clone(),
                level: reading.level(set.now, &want.demand()),
                enough: reading.enough,
            };
            Box::new(Decision::new(set.standings().map(standing), passed))
        })
    }

    #[cold]
    fn refuse(&self, set: &Answered<'_>) -> Refusal {
        let mut longest = Some(Duration::ZERO);
        let mut problem = rejection(&QUOTA_EXCEEDED, Reason::Quota);
        for (want, reading) in set.standings().filter(|(_, reading)| !reading.enough) {
            let rule = &self.rules[want.rule];
            let wait = reading.level(set.now, &want.demand()).wait(want.units);
            let wait = wait.map(|wait| rule.strike(want.key, set.now, wait));
            longest = longest.and_then(|longest| wait.map(|wait| wait.max(longest)));
            problem = problem.violated_policy(rule.policy.name.clone());
            self.tell_refused(rule, want.key, wait, Reason::Quota);
        }
        // Of one policy alone the line says all there is to say.
        let whole = (set.wants.len() == 1)
            .then(|| self.policy_line(set))
            .flatten();
        let problem = match longest {
            Some(wait) => problem.retry_after(wait),
            None => {
                problem.detail("it costs more than the quota allows at once, so it never passes")
            }
        };
        Refusal {
            problem,
            lines: self.fields.lines(self.items(set, true), whole),
            decision: self.expose(set, false),
        }
    }

    #[cold]
    fn refuse_one(&self, rule: &Rule, key: KeyHash, reason: Reason, wait: Duration) -> Refusal {
        self.tell_refused(rule, key, Some(wait), reason);
        let item = rule.permits.as_ref().map(|permits| Item::Permits {
            name: &rule.policy.name,
            each: permits.each(),
            left: 0,
        });
        Refusal {
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
        }
    }

    #[cold]
    fn refuse_unknown(&self, rule: &Rule) -> Refusal {
        rule.counters.refused.add_one();
        self.observer.on_event(&Event::Missing {
            policy: &rule.policy.name,
        });
        Refusal {
            problem: rejection(&MALFORMED_REQUEST, Reason::Key)
                .detail("the request does not say on whose behalf it comes"),
            lines: Lines::None,
            decision: None,
        }
    }

    /// A refusal for a fault of ours is no `429`, which would blame the caller.
    #[cold]
    pub(crate) fn store_failed(&self, error: &StoreError) -> Step<St> {
        self.observer.on_event(&Event::StoreFailed { error });
        Step::Refuse(Refusal {
            problem: rejection(&UNAVAILABLE, Reason::Store).retry_after(Duration::from_secs(1)),
            lines: Lines::None,
            decision: None,
        })
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
            let quota = rule
                .quota_of(head, now)
                .unwrap_or_else(|_| rule.quota.get());
            let demand = Demand {
                key,
                quota: &quota,
                units: rule.units(head),
                debt: rule.policy.debt,
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
}

impl Want {
    const NOTHING: Self = Self {
        rule: 0,
        key: KeyHash::from_bits(0),
        quota: Quota::per_second(0),
        units: 0,
        debt: 0,
    };

    const fn of(rule: usize, demand: &Demand<'_>) -> Self {
        Self {
            rule,
            key: demand.key,
            quota: *demand.quota,
            units: demand.units,
            debt: demand.debt,
        }
    }

    pub(crate) const fn demand(&self) -> Demand<'_> {
        Demand {
            key: self.key,
            quota: &self.quota,
            units: self.units,
            debt: self.debt,
        }
    }
}

impl<const N: usize> Set<N> {
    const fn new() -> Self {
        Self {
            wants: [Want::NOTHING; N],
            len: 0,
        }
    }

    fn push(&mut self, want: Want) {
        if let Some(place) = self.wants.get_mut(self.len) {
            *place = want;
            self.len += 1;
        }
    }
}

impl<'a> Answered<'a> {
    fn standings(&self) -> impl Iterator<Item = (&'a Want, &'a Reading)> + Clone + use<'a> {
        self.wants.iter().zip(self.readings)
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
