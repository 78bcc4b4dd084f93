//! All checks together, and what they come to.

use std::time::Duration;

use tokio::sync::{Notify, watch};
use tower_ready_core::Instant;

use super::{
    Change, Criticality, OnChange, Status,
    damper::Damper,
    slot::{Last, Slot},
    stage::Follow,
};
use crate::Phase;

/// Written by the tasks of the checks, read by probes, followed by watchers.
pub(super) struct Board {
    pub(super) slots: Vec<Slot>,
    pub(super) stage: Follow,
    observer: Box<dyn OnChange>,
    /// Some check changed, so the follower has to look.
    dirty: Notify,
    verdict: watch::Sender<Verdict>,
}

/// What watchers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    NotReady,
    Ready,
    /// The process leaves; there will be no more news.
    Leaving,
}

impl Board {
    pub(super) fn new(slots: Vec<Slot>, stage: Follow, observer: Box<dyn OnChange>) -> Self {
        let (dirty, verdict) = (Notify::new(), watch::Sender::new(Verdict::NotReady));
        let board = Self { slots, stage, observer, dirty, verdict };
        board.publish(Instant::now());
        board
    }

    /// Whether requests should come here.
    pub(super) fn readiness(&self, now: Instant) -> Status {
        if self.stage.phase() != Phase::Ready {
            return Status::Fail;
        }
        let counts = |slot: &&Slot| slot.criticality != Criticality::Informative;
        let statuses = self.slots.iter().filter(counts).map(|slot| slot.status(now));
        statuses.max().unwrap_or(Status::Pass)
    }

    /// Whether the start is over: it never is undone.
    pub(super) fn startup(&self) -> Status {
        let required = |slot: &&Slot| slot.criticality == Criticality::Required;
        let has_passed = self.slots.iter().filter(required).all(Slot::has_passed);
        if has_passed && self.stage.phase() != Phase::Starting {
            Status::Pass
        } else {
            Status::Fail
        }
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        if self.stage.phase().is_leaving() {
            return Verdict::Leaving;
        }
        match self.readiness(now) {
            Status::Fail => Verdict::NotReady,
            Status::Pass | Status::Warn => Verdict::Ready,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Verdict> {
        self.verdict.subscribe()
    }

    /// Takes the result of a check, and tells who wants to know.
    pub(super) fn record(&self, index: usize, damper: &mut Damper, last: Last) {
        let (slot, now) = (&self.slots[index], Instant::now());
        let from = slot.has_passed().then(|| slot.status(now));
        let (is_first, error) = (slot.is_unchecked(), last.error.clone());
        let stays = slot.record(damper, now, last);
        if stays && !is_first && from.is_none_or(|from| from == slot.status(now)) {
            return;
        }
        self.dirty.notify_one();
        let to = slot.status(now);
        let error = error.as_deref();
        let change = Change { check: &slot.name, criticality: slot.criticality, from, to, error };
        self.observer.on_change(&change);
    }

    /// Keeps the watchers' verdict true, for as long as it is polled.
    pub(super) async fn follow(&self) {
        let mut stage = self.stage.clone();
        loop {
            let now = Instant::now();
            self.publish(now);
            let next = self.slots.iter().filter_map(|slot| slot.next_change(now)).min();
            tokio::select! {
                () = stage.changed() => {}
                () = self.dirty.notified() => {}
                () = until(next, now) => {}
            }
        }
    }

    fn publish(&self, now: Instant) {
        let verdict = self.verdict(now);
        self.verdict.send_if_modified(|told| std::mem::replace(told, verdict) != verdict);
    }
}

/// Sleeps until it is past, and not just there: a result is stale when it is older than allowed.
async fn until(moment: Option<Instant>, now: Instant) {
    match moment {
        Some(moment) => tokio::time::sleep(moment.since(now) + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}
