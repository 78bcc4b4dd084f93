//! Trips to Redis on which it decides.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::sync::oneshot;
use tower_ready_core::Instant;

use super::{
    ScriptExecutor,
    batch::{Set, Wish},
    inner::{Answered, CallError, Inner, Waiter},
    scripts::{self, Took},
};
use crate::store::{Change, Reading, StoreError};

impl<E: ScriptExecutor> Inner<E> {
    /// Gets in line for the next trip that asks about this set.
    pub(super) fn join(self: &Arc<Self>, set: Set) -> oneshot::Receiver<Answered<Vec<Reading>>> {
        let (waiter, answer) = oneshot::channel();
        if let Some(first) = self.batches.join(&set, waiter) {
            let inner = Arc::clone(self);
            self.spawn(async move { inner.fly(set, first).await });
        }
        answer
    }

    /// Makes trips for a set, one after the other, while anybody waits.
    async fn fly(self: Arc<Self>, set: Set, mut waiters: Vec<Waiter>) {
        loop {
            // Who has left does not pay.
            waiters.retain(|waiter| !waiter.is_closed());
            if !waiters.is_empty() {
                let answer = self.take_all(set.wishes(), waiters.len()).await;
                self.tell(set.wishes(), waiters, answer);
            }
            match self.batches.landed(&set) {
                Some(next) => waiters = next,
                None => return,
            }
        }
    }

    fn tell(&self, wishes: &[Wish], waiters: Vec<Waiter>, answer: Answered<Took>) {
        let (asked, took) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let error = Arc::new(error);
                for waiter in waiters {
                    let _ = waiter.send(Err(StoreError::new(Arc::clone(&error))));
                }
                return;
            }
        };
        let refused = took.passed < waiters.len();
        for (wish, full) in wishes.iter().zip(&took.full) {
            self.shadow.note(asked, wish.key, *full);
            if refused {
                self.denied.note(asked, wish.key, *full);
            }
        }
        let lacks: Vec<bool> = wishes
            .iter()
            .zip(&took.full)
            .map(|(wish, full)| {
                let full = full.max(&asked.into()).to_owned();
                wish.quota.rate().take(asked.into(), full, wish.units).is_none()
            })
            .collect();
        // What refuses can be told, unless another instance changed the quota under our feet.
        let is_unclear = !lacks.contains(&true);
        for (at, waiter) in waiters.into_iter().enumerate() {
            let passes = at < took.passed;
            let readings = took.full.iter().zip(&lacks).map(|(full, lacks)| Reading {
                full: *full,
                enough: passes || !(*lacks || is_unclear),
            });
            let _ = waiter.send(Ok((asked, readings.collect())));
        }
    }

    /// Takes from all buckets for as many of so many equal requests as possible.
    async fn take_all(&self, wishes: &[Wish], requests: usize) -> Answered<Took> {
        if !self.splits.load(Relaxed) || wishes.len() < 2 {
            match self.take(wishes, requests).await {
                Ok(answer) => return Ok(answer),
                Err(CallError::Failed(error)) => return Err(error),
                Err(CallError::CrossSlot) if wishes.len() < 2 => {
                    return Err(StoreError::new("one key is in two places"));
                }
                Err(CallError::CrossSlot) => self.splits.store(true, Relaxed),
            }
        }
        self.take_apart(wishes, requests).await
    }

    /// Takes from the buckets of each caller by a call of its own, and puts back what the calls
    /// before took for requests that a later one refuses.
    async fn take_apart(&self, wishes: &[Wish], requests: usize) -> Answered<Took> {
        let mut groups = BTreeMap::<u64, Vec<usize>>::new();
        for (at, wish) in wishes.iter().enumerate() {
            groups.entry(wish.key.high()).or_default().push(at);
        }
        let began = Instant::now();
        let mut passed = requests;
        let mut full = vec![began.into(); wishes.len()];
        let mut taken: Vec<(usize, usize)> = Vec::new();
        let mut failed = None;
        for group in groups.into_values() {
            let part: Vec<Wish> = group.iter().map(|at| wishes[*at]).collect();
            match self.take(&part, passed).await {
                Ok((_, took)) => {
                    passed = took.passed.min(passed);
                    for (at, moment) in group.iter().zip(took.full) {
                        full[*at] = moment;
                        taken.push((*at, took.passed));
                    }
                }
                Err(CallError::Failed(error)) => failed = Some(error),
                Err(CallError::CrossSlot) => {
                    failed = Some(StoreError::new("keys of one caller are in two places"));
                }
            }
            if failed.is_some() {
                passed = 0;
            }
            if passed == 0 {
                break;
            }
        }
        for (at, requests) in taken {
            let units = wishes[at].units.saturating_mul((requests - passed.min(requests)) as u64);
            if units > 0 {
                // Should it fail, too much was taken, and never too little.
                let wish = Wish { units, ..wishes[at] };
                let _ = self.adjust(&wish, Some(Change::Refund)).await;
            }
        }
        failed.map_or(Ok((began, Took { passed, full })), Err)
    }

    async fn take(&self, wishes: &[Wish], requests: usize) -> Result<(Instant, Took), CallError> {
        let now = Instant::now();
        let prefix = &self.settings.prefix;
        let keys: Vec<_> =
            wishes.iter().map(|wish| scripts::key(prefix, wish.key, false)).collect();
        let floors: Vec<_> = wishes.iter().map(|wish| self.floor(now, wish)).collect();
        let args = scripts::take_args(requests, wishes, &floors);
        let (asked, reply) = self.run(&self.scripts.take, &keys, &args).await?;
        let took = scripts::took(asked, wishes, &reply).map_err(CallError::Failed)?;
        Ok((asked, took))
    }
}
