//! How a circuit changes its state: in one exchange of its word, under a lock that keeps what goes
//! with it in step, and told of when the lock is gone.

use std::{sync::Arc, time::Duration};

use tower_ready_core::Instant;

use super::{Circuit, Phase, Reason, Word, cold::Cold};
use crate::{
    Change,
    policy::Policy,
    sync::{
        MutexGuard,
        Ordering::{AcqRel, Relaxed},
        lock,
    },
};

impl Circuit {
    /// What a rule leads to, which depends on what the circuit is set to.
    #[cold]
    pub(super) fn trip(
        &self,
        policy: &Policy,
        generation: u32,
        reason: Reason,
        asked: Option<Duration>,
        hint: Option<Duration>,
        now: Instant,
    ) {
        match self.word().phase() {
            Phase::Closed | Phase::Recovering | Phase::HalfOpen => {
                self.open(policy, generation, reason, asked, hint, now);
            }
            Phase::Watching => self.would_open(policy, generation, reason),
            Phase::Throttling => self.refresh_throttle(),
            Phase::Open | Phase::ForcedOpen | Phase::Disabled => {}
        }
    }

    fn refresh_throttle(&self) {
        if let Some(throttle) = &self.throttle {
            throttle.refresh();
        }
    }

    pub(super) fn would_open(&self, policy: &Policy, generation: u32, reason: Reason) {
        let mut cold = lock(&self.cold);
        if self.word().generation() == generation && !std::mem::replace(&mut cold.told, true) {
            cold.reason = Some(reason);
            let key = cold.key.clone();
            drop(cold);
            policy.tell(key.as_deref(), generation, Change::WouldOpen { reason });
        }
    }

    pub(super) fn open(
        &self,
        policy: &Policy,
        generation: u32,
        reason: Reason,
        asked: Option<Duration>,
        hint: Option<Duration>,
        now: Instant,
    ) {
        let mut cold = lock(&self.cold);
        if self.word().generation() != generation {
            return;
        }
        let was_tried = self.word().phase() == Phase::HalfOpen;
        if !self.may_open(policy, &mut cold) {
            // Half-open and yet not counted it is by a suspicion alone, which ends with this.
            let closed = if was_tried { self.leave(generation, Phase::Closed) } else { None };
            let key = cold.key.clone();
            self.spare(policy, generation, cold, reason);
            if let Some(word) = closed {
                self.wake();
                policy.tell(key.as_deref(), word.generation(), Change::Closed);
            }
            return;
        }
        let own = if was_tried {
            asked.or_else(|| cold.reopened())
        } else {
            cold.forget_rounds(policy, now);
            asked
        };
        let own = own.unwrap_or_else(|| cold.next(policy));
        let open_for = own.max(hint.unwrap_or_default().min(policy.hint_cap));
        self.since.store((now + open_for).as_nanos(), Relaxed);
        let Some(word) = self.leave(generation, Phase::Open) else {
            return;
        };
        cold.reason = Some(reason);
        let key = cold.key.clone();
        drop(cold);
        self.wake();
        let change = Change::Opened { reason, open_for };
        policy.tell(key.as_deref(), word.generation(), change);
    }

    /// In a group no more circuits open than its budget allows.
    pub(super) fn may_open(&self, policy: &Policy, cold: &mut Cold) -> bool {
        match &policy.budget {
            Some(budget) if !cold.counted => {
                cold.counted = budget.take();
                cold.counted
            }
            _ => true,
        }
    }

    pub(super) fn spare(
        &self,
        policy: &Policy,
        generation: u32,
        mut cold: MutexGuard<'_, Cold>,
        reason: Reason,
    ) {
        if !std::mem::replace(&mut cold.told, true) {
            let key = cold.key.clone();
            drop(cold);
            policy.tell(key.as_deref(), generation, Change::Spared { reason });
        }
    }

    /// An open circuit whose time is over is tried. Without the lock: who wins the exchange tells.
    pub(super) fn half_open(&self, policy: &Policy, word: Word) {
        let next = word.next(Phase::HalfOpen);
        if self.exchange(word, next) {
            let key = self.key();
            self.wake();
            policy.tell(key.as_deref(), next.generation(), Change::HalfOpened);
        }
    }

    pub(super) fn close(&self, policy: &Policy, generation: u32, now: Instant) {
        let mut cold = lock(&self.cold);
        if self.word().generation() != generation {
            return;
        }
        self.since.store(now.as_nanos(), Relaxed);
        let phase = match policy.ramp {
            Duration::ZERO => Phase::Closed,
            _ => Phase::Recovering,
        };
        let Some(word) = self.leave(generation, phase) else {
            return;
        };
        cold.leave_group(policy);
        cold.closed = now.as_nanos();
        (cold.reason, cold.told) = (None, false);
        cold.start_over();
        let key = cold.key.clone();
        drop(cold);
        self.wake();
        policy.tell(key.as_deref(), word.generation(), Change::Closed);
    }

    /// Ends a generation, if it has not ended. Slots may be taken and given back meanwhile.
    pub(super) fn leave(&self, generation: u32, phase: Phase) -> Option<Word> {
        loop {
            let word = self.word();
            if word.generation() != generation {
                return None;
            }
            let next = word.next(phase);
            if self.exchange(word, next) {
                return Some(next);
            }
        }
    }

    pub(super) fn exchange(&self, from: Word, to: Word) -> bool {
        let (from, to) = (from.to_bits(), to.to_bits());
        self.word.compare_exchange(from, to, AcqRel, Relaxed).is_ok()
    }

    /// Sets the circuit to what somebody says.
    pub(crate) fn command(&self, policy: &Policy, phase: Phase, now: Instant) {
        let mut cold = lock(&self.cold);
        cold.leave_group(policy);
        *cold = Cold {
            key: cold.key.take(),
            trip: cold.trip.take(),
            waiting: std::mem::take(&mut cold.waiting),
            closed: now.as_nanos(),
            ..Cold::default()
        };
        cold.start_over();
        self.refresh_throttle();
        let next = loop {
            let word = self.word();
            let next = word.next(phase);
            if self.exchange(word, next) {
                break next;
            }
        };
        let key = cold.key.clone();
        drop(cold);
        self.wake();
        let change = match phase {
            Phase::ForcedOpen => Change::ForcedOpen,
            Phase::Disabled => Change::Disabled,
            Phase::Watching => Change::MetricsOnly,
            _ => Change::Closed,
        };
        policy.tell(key.as_deref(), next.generation(), change);
    }

    /// Tries a closed circuit. Only if it is closed: nobody's order is undone by a suspicion.
    pub(crate) fn suspect(&self, policy: &Policy, now: Instant) {
        let mut cold = lock(&self.cold);
        let word = self.word();
        if word.phase() != Phase::Closed {
            return;
        }
        cold.forget_rounds(policy, now);
        let Some(next) = self.leave(word.generation(), Phase::HalfOpen) else {
            return;
        };
        let key = cold.key.clone();
        drop(cold);
        self.wake();
        policy.tell(key.as_deref(), next.generation(), Change::HalfOpened);
    }

    /// Gives the circuit to another key: calls of the one before tell nothing any more. Who waits is
    /// to be woken afterwards.
    pub(crate) fn reuse(&self, policy: &Policy, key: Arc<str>) {
        let mut cold = lock(&self.cold);
        cold.leave_group(policy);
        *cold = Cold {
            key: Some(key),
            trip: policy.make_trip(),
            waiting: std::mem::take(&mut cold.waiting),
            ..Cold::default()
        };
        while self.leave(self.generation(), policy.closed()).is_none() {}
    }
}
