//! Decisions by units that this instance holds, and the messages by which it gets them.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use tokio::sync::oneshot;
use tower_ready_core::Instant;

use super::{
    ScriptExecutor,
    batch::Wish,
    holders::Entry,
    inner::{Answered, CallError, Inner},
    lease::{Grant, Outcome, Taken, Wanted},
    scripts,
};
use crate::{
    Level, Quota,
    quota::Span,
    store::{Change, Demand, Reading, StoreError},
};

/// What was taken of a set so far. Dropped before it is kept, it goes back.
struct Tray<E: ScriptExecutor> {
    inner: Arc<Inner<E>>,
    held: Vec<(Arc<Entry>, Taken)>,
    fetched: Vec<Wish>,
}

impl<E: ScriptExecutor> Inner<E> {
    /// Decides about a set by what is at hand: units that are held, or a refusal that is known.
    #[inline]
    pub(super) fn take_held(
        self: &Arc<Self>,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> bool {
        match (demands, readings) {
            ([demand], [reading, ..]) => match self.take_one_held(now, demand) {
                Some((_, held)) => {
                    *reading = held;
                    true
                }
                None => false,
            },
            (demands, readings) => self.take_all_held(now, demands, readings),
        }
    }

    fn take_all_held(
        self: &Arc<Self>,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> bool {
        let mut taken = [None; crate::MemoryStore::MAX_SET];
        for (at, demand) in demands.iter().enumerate() {
            match self.take_one_held(now, demand) {
                Some((units, reading)) if at < taken.len() => {
                    (taken[at], readings[at]) = (Some(units), reading);
                }
                _ => {
                    for (demand, taken) in demands.iter().zip(taken) {
                        if let Some(taken) = taken {
                            self.holders.with(demand.key, |entry| entry.holder.put_back(taken));
                        }
                    }
                    return false;
                }
            }
        }
        true
    }

    #[inline]
    fn take_one_held(
        self: &Arc<Self>,
        now: Instant,
        demand: &Demand<'_>,
    ) -> Option<(Taken, Reading)> {
        let (taken, full, low) = self.holders.with(demand.key, |entry| {
            let (taken, is_low) = entry.holder.take(now, demand.units)?;
            let low = is_low.then(|| Arc::clone(entry));
            Some((taken, entry.holder.full(), low))
        })??;
        if let Some(entry) = low {
            self.ask_ahead(now, entry);
        }
        Some((taken, held_reading(now, demand.quota, full, taken.left)))
    }

    #[cold]
    fn ask_ahead(self: &Arc<Self>, now: Instant, entry: Arc<Entry>) {
        if !self.drains.load(Relaxed) && entry.holder.wants_ahead(now) {
            let inner = Arc::clone(self);
            self.spawn(async move { inner.ask(&entry, false).await });
        }
    }

    /// Decides about a set of which some has to be fetched.
    pub(super) async fn take_leased(
        self: Arc<Self>,
        now: Instant,
        wishes: Vec<Wish>,
    ) -> Result<Vec<Reading>, StoreError> {
        let mut tray = Tray { inner: Arc::clone(&self), held: Vec::new(), fetched: Vec::new() };
        let mut readings = vec![Reading { full: now.into(), enough: true }; wishes.len()];
        let (leased, exact): (Vec<usize>, Vec<usize>) =
            (0..wishes.len()).partition(|at| self.settings.leases(&wishes[*at].quota));
        for at in leased {
            let (then, reading) = self.fetch(&wishes[at], &mut tray).await?;
            readings[at] = reading.as_of(then, now);
            if !readings[at].enough {
                return Ok(readings);
            }
        }
        if !exact.is_empty() {
            let answer = self.join(exact.iter().map(|at| wishes[*at]).collect()).await;
            let gone = |_| StoreError::new("the runtime is shutting down");
            let (then, answer) = answer.map_err(gone)??;
            for (at, reading) in exact.iter().zip(&answer) {
                readings[*at] = reading.as_of(then, now);
            }
            if !answer.iter().all(Reading::had_enough) {
                return Ok(readings);
            }
        }
        tray.keep();
        Ok(readings)
    }

    /// Takes the units of one wish from what is held, or waits for them.
    async fn fetch(self: &Arc<Self>, wish: &Wish, tray: &mut Tray<E>) -> Answered<Reading> {
        let now = Instant::now();
        let entry = self.holders.entry(wish.key, &wish.quota);
        let (waiter, answer) = oneshot::channel();
        match entry.holder.want(now, wish.units, waiter) {
            Wanted::Taken(taken) => {
                let reading = held_reading(now, &wish.quota, entry.holder.full(), taken.left);
                tray.held.push((entry, taken));
                Ok((now, reading))
            }
            Wanted::Refused(_, until) => {
                self.counters.known.add_one();
                Ok((now, refused_until(until, wish, entry.holder.full())))
            }
            Wanted::InLine { send } => {
                if send {
                    entry.set_quota(&wish.quota);
                    let inner = Arc::clone(self);
                    self.spawn(async move { inner.ask(&entry, false).await });
                }
                let gone = |_| StoreError::new("the runtime is shutting down");
                let (then, reading) = answer.await.map_err(gone)??;
                if reading.enough && wish.units > 0 {
                    tray.fetched.push(*wish);
                }
                Ok((then, reading))
            }
        }
    }

    /// Sends messages about one bucket, one after the other, while anybody waits.
    pub(super) async fn ask(&self, entry: &Entry, give_back: bool) {
        let mut give_back = give_back;
        loop {
            let quota = entry.quota();
            let terms = self.terms(&quota);
            let wish = Wish { key: entry.key, quota, units: 0, debt: 0, swapped: false };
            let now = Instant::now();
            let give = give_back || self.drains.load(Relaxed);
            let ask = entry.holder.ask(now, self.next_sequence(), &terms, give);
            let keys = [scripts::key(&self.settings.prefix, entry.key, true)];
            let floor = self.floor(now, &wish);
            let args =
                scripts::lease_args(&self.node, &ask, &wish, floor, self.instances(), &terms);
            let answer = match self.run(&self.scripts.lease, &keys, &args).await {
                Ok((asked, reply)) => scripts::granted(asked, &wish, &reply),
                Err(CallError::Failed(error)) => Err(error),
                Err(CallError::CrossSlot) => Err(StoreError::new("one key is in two places")),
            };
            let outcome = entry.holder.answered(Instant::now(), &ask, answer.as_ref().ok(), &terms);
            let Outcome { served, held, refused, again } = outcome;
            match answer {
                Ok(Grant { full, .. }) => {
                    self.shadow.note(now, entry.key, full);
                    if !refused.is_empty() {
                        self.denied.note(now, entry.key, full);
                    }
                    for (waiters, enough) in [(served, true), (held, true), (refused, false)] {
                        for waiter in waiters {
                            let _ = waiter.send(Ok((ask.at, Reading { full, enough })));
                        }
                    }
                }
                Err(error) => {
                    let error = Arc::new(error);
                    for waiter in served.into_iter().chain(refused) {
                        let _ = waiter.send(Err(StoreError::new(Arc::clone(&error))));
                    }
                }
            }
            if !again {
                return;
            }
            give_back = false;
        }
    }
}

impl<E: ScriptExecutor> Tray<E> {
    fn keep(mut self) {
        self.held.clear();
        self.fetched.clear();
    }
}

impl<E: ScriptExecutor> Drop for Tray<E> {
    fn drop(&mut self) {
        for (entry, taken) in self.held.drain(..) {
            entry.holder.put_back(taken);
        }
        for wish in self.fetched.drain(..) {
            let inner = Arc::clone(&self.inner);
            self.inner.spawn(async move {
                // Should it fail, too much was taken, and never too little.
                let _ = inner.adjust(&wish, Some(Change::Refund)).await;
            });
        }
    }
}

/// How a bucket stands of which this instance holds so many units.
#[inline]
fn held_reading(now: Instant, quota: &Quota, full: Instant, held: u64) -> Reading {
    let level = Level { quota: *quota, now: now.as_nanos(), full: full.max(now).into() };
    Reading { full: level.refund(held).full, enough: true }
}

/// A bucket that has the units of a wish at that moment, and not before.
fn refused_until(until: Instant, wish: &Wish, full: Instant) -> Reading {
    let tolerance = wish.quota.rate().tolerance;
    let empty =
        Span { nanos: until.as_nanos().saturating_add(tolerance.nanos), part: tolerance.part };
    let level = Level { quota: wish.quota, now: until.as_nanos(), full: empty };
    Reading { full: level.refund(wish.units).full.max(full.into()), enough: false }
}
