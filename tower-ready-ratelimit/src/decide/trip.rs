//! A decision that takes a trip to the store, and one without a store.

use tower_ready_core::Instant;

use super::{Answered, Pass, Step, Want};
use crate::{
    Head, OnStoreError,
    after::After,
    event::{Event, Reason},
    limiter::Shared,
    rule::Who,
    store::{Demand, Reading, Store, StoreError, Taking},
};

impl<St: Store> Shared<St> {
    #[cold]
    pub(super) fn trip(
        &self,
        future: St::Trip,
        now: Instant,
        wants: &[Want],
        shadows: Vec<Want>,
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let (limiter, wants) = (self.clone(), wants.to_vec());
        Step::Later(Box::pin(async move {
            let step = match future.await {
                Ok(readings) if readings.len() == wants.len() => {
                    let answered = Answered { now, wants: &wants, readings: &readings };
                    let taken = readings.iter().all(Reading::had_enough);
                    limiter.conclude(&answered, taken, after)
                }
                Ok(_) => {
                    let error = StoreError::new("it answered for another set");
                    limiter.without_store(now, &wants, &error, after)
                }
                Err(error) => limiter.without_store(now, &wants, &error, after),
            };
            limiter.look_on_from_afar(matches!(step, Step::Pass(_)), now, &shadows).await;
            step
        }))
    }

    /// Lets the policies in shadow mode count a request that passes without a trip of its own.
    #[cold]
    pub(super) fn look_on_later(
        &self,
        step: Step<St>,
        now: Instant,
        shadows: Vec<Want>,
    ) -> Step<St> {
        let limiter = self.clone();
        Step::Later(Box::pin(async move {
            limiter.look_on_from_afar(matches!(step, Step::Pass(_)), now, &shadows).await;
            step
        }))
    }

    /// Decides as the policies want it while the store cannot be asked.
    #[cold]
    pub(crate) fn without_store(
        &self,
        now: Instant,
        wants: &[Want],
        error: &StoreError,
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let choice = |want: &Want| self.rules[want.rule].policy.on_store_error;
        for want in wants {
            self.rules[want.rule].counters.degraded.add_one();
        }
        let (shared, allowed): (Vec<_>, Vec<_>) =
            wants.iter().partition(|want| choice(want) != OnStoreError::Allow);
        let mut readings = vec![Reading::default(); shared.len()];
        let demands: Vec<_> = shared.iter().copied().map(Want::demand).collect();
        let passes = !wants.iter().any(|want| choice(want) == OnStoreError::Deny)
            && (shared.is_empty()
                || self.store.share(now, &demands, &mut readings).unwrap_or(false));
        if !passes {
            for want in wants {
                self.rules[want.rule].counters.refused.add_one();
            }
            return self.store_failed(error);
        }
        self.observer.on_event(&Event::Degraded { error });
        for want in allowed {
            self.rules[want.rule].counters.allowed.add_one();
        }
        // Of what merely passes there is nothing to tell.
        let shared: Vec<_> = shared.into_iter().copied().collect();
        let answered = Answered { now, wants: &shared, readings: &readings };
        let mut step = self.conclude(&answered, true, after);
        if let Step::Pass(Pass { decision: Some(decision), .. }) = &mut step {
            decision.degrade();
        }
        step
    }

    /// What the policies in shadow mode want of a request. Only a store at hand answers them at
    /// once; another one is asked when the request is known to pass.
    #[cold]
    pub(super) fn shadows(&self, head: &Head<'_>, now: Instant) -> Vec<Want> {
        let mut wants = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            if !rule.policy.shadow || !rule.applies(head) {
                continue;
            }
            let Who::Key(key) = rule.who(head) else {
                continue;
            };
            let quota = rule.quota_of(head, now).unwrap_or_else(|_| rule.quota.get());
            let demand =
                Demand { key, quota: &quota, units: rule.units(head), debt: rule.policy.debt };
            wants.push(Want::of(at, &demand));
        }
        wants
    }

    async fn look_on_from_afar(&self, passes: bool, now: Instant, shadows: &[Want]) {
        for want in shadows.iter().filter(|_| passes) {
            self.look_on_one(now, want).await;
        }
    }

    async fn look_on_one(&self, now: Instant, want: &Want) {
        let rule = &self.rules[want.rule];
        let mut reading = [Reading::default()];
        let taking = self.store.take(now, &[want.demand()], &mut reading);
        let reading = match taking {
            Taking::Done(_) => reading[0],
            Taking::Trip(trip) => match trip.await.as_deref() {
                Ok([reading]) => *reading,
                // Nobody depends on what it would have said.
                _ => return rule.counters.degraded.add_one(),
            },
        };
        if reading.enough {
            return rule.counters.allowed.add_one();
        }
        rule.counters.would_refuse.add_one();
        self.observer.on_event(&Event::Refused {
            policy: &rule.policy.name,
            key: want.key.tag(),
            retry_after: reading.level(now, &want.demand()).wait(want.units),
            reason: Reason::Quota,
            shadow: true,
        });
    }
}
