//! A decision that takes a trip to the store, and one without a store.

use tower_ready_core::Instant;

use super::{Answered, Pass, Step, Want};
use crate::{
    OnStoreError,
    after::After,
    event::Event,
    limiter::Shared,
    store::{Reading, Store, StoreError},
};

impl<St: Store> Shared<St> {
    #[cold]
    pub(super) fn trip(
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
                    let answered = Answered { now, wants: &wants, readings: &readings };
                    limiter.conclude_or_wait(&answered, after).await
                }
                Ok(_) => {
                    let error = StoreError::new("it answered for another set");
                    limiter.without_store(now, &wants, &error, after)
                }
                Err(error) => limiter.without_store(now, &wants, &error, after),
            }
        }))
    }

    async fn conclude_or_wait(
        &self,
        set: &Answered<'_>,
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let taken = set.readings.iter().all(Reading::had_enough);
        #[cfg(feature = "delay")]
        if !taken && let Some((short, level)) = self.may_wait(set) {
            return match self.line_up(set.now, set.wants, short, Some(level), after) {
                Step::Later(turn) => turn.await,
                refused => refused,
            };
        }
        self.conclude(set, taken, after)
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
}
