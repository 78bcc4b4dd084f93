//! Policies that only look on.

use tower_ready_core::Instant;

use super::{Pass, Step, Want};
use crate::{
    Head,
    after::After,
    event::{Event, Reason},
    limiter::Shared,
    rule::Who,
    store::{Reading, Store, Taking},
};

impl<St: Store> Shared<St> {
    /// Lets the policies in shadow mode count a request, if it passes.
    #[cold]
    pub(super) fn look_on(&self, head: &Head<'_>, now: Instant, mut step: Step<St>) -> Step<St> {
        match &mut step {
            Step::Refuse(_) | Step::Fetch(_) => step,
            Step::Pass(Pass { after, .. }) if self.store.is_local() => {
                for want in self.shadows(head, now) {
                    let mut reading = [Reading::default()];
                    // A store at hand takes no trips.
                    let _ = self.store.take(now, &[want.demand()], &mut reading);
                    self.saw(now, &want, reading[0], after);
                }
                step
            }
            Step::Pass(_) | Step::Later(_) => {
                let (limiter, wants) = (self.clone(), self.shadows(head, now).collect::<Vec<_>>());
                Step::Later(Box::pin(async move {
                    let mut step = match step {
                        Step::Later(later) => later.await,
                        step => step,
                    };
                    if let Step::Pass(Pass { after, .. }) = &mut step {
                        limiter.look_on_from_afar(now, &wants, after).await;
                    }
                    step
                }))
            }
        }
    }

    async fn look_on_from_afar(
        &self,
        now: Instant,
        shadows: &[Want],
        after: &mut Option<Box<After<St>>>,
    ) {
        for want in shadows {
            let mut reading = [Reading::default()];
            let trip = match self.store.take(now, &[want.demand()], &mut reading) {
                Taking::Done(_) => None,
                Taking::Trip(trip) => Some(trip),
            };
            if let Some(trip) = trip {
                match trip.await.as_deref() {
                    Ok([answer]) => reading[0] = *answer,
                    _ => {
                        // Nobody depends on what it would have said.
                        self.rules[want.rule].counters.degraded.add_one();
                        continue;
                    }
                }
            }
            self.saw(now, want, reading[0], after);
        }
    }

    /// What the policies in shadow mode want of a request.
    fn shadows(&self, head: &Head<'_>, now: Instant) -> impl Iterator<Item = Want> {
        self.rules.iter().enumerate().filter_map(move |(at, rule)| {
            if !rule.policy.shadow || !rule.applies(head) {
                return None;
            }
            let Who::Key(key) = rule.who(head) else { return None };
            let quota = rule.quota_of(head, now).unwrap_or_else(|_| rule.quota.get());
            Some(Want::of(at, &rule.demand(key, &quota, head)))
        })
    }

    fn saw(&self, now: Instant, want: &Want, reading: Reading, after: &mut Option<Box<After<St>>>) {
        if reading.enough {
            return self.admit(want, after);
        }
        let rule = &self.rules[want.rule];
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
