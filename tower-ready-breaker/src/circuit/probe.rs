//! Half-open: a few calls find out, and none of them can wedge the circuit.
//!
//! A probe takes a slot, a bit of the word, and a lease, a moment by which it has to be back. Who
//! finds the slots taken looks at the leases; the one that has run out is a failure, or, where the
//! head of the answer was good and only its stream goes on, a success. A slot is given back with
//! its lease in hand, so that it is given back once.

use std::time::Duration;

use tower_ready_core::{Instant, Outcome};

use super::{Circuit, Kind, Phase, Reason, Refusal, Ticket, Told, Word};
use crate::{
    policy::Policy,
    sync::Ordering::{AcqRel, Acquire, Relaxed},
};

/// The last bit of a lease: the head was good, and time makes it a success.
const HEAD_WAS_GOOD: u64 = 1;
/// Seven bits of generation before it: a lease of an earlier one may still lie in a slot that was
/// taken a moment ago.
const GENERATION: u64 = 0x7f << 1;

fn lease(generation: u32, now: Instant, time: Duration, flag: u64) -> u64 {
    ((now + time).as_nanos() & !(GENERATION | HEAD_WAS_GOOD)) | tag(generation) | flag
}

const fn tag(generation: u32) -> u64 {
    (generation as u64) << 1 & GENERATION
}

/// Whether a lease of this generation has run out; zero is none.
const fn has_expired(generation: u32, lease: u64, now: Instant) -> bool {
    lease != 0 && lease & GENERATION == tag(generation) && lease & !0xff <= now.as_nanos()
}

impl Circuit {
    /// Takes a slot. Without an answer the state has changed, and is to be looked at anew.
    pub(super) fn try_probe(
        &self,
        policy: &Policy,
        word: Word,
        now: Instant,
    ) -> Option<Result<Ticket, Refusal>> {
        if self.expire(policy, word, now) {
            return None;
        }
        let Some(slot) = word.free_slot(policy.probes) else {
            return Some(Err(Refusal::new(word, Refusal::MOMENT)));
        };
        let held = self.leases[slot as usize].load(Acquire);
        if !self.exchange(word, word.with_slot(slot)) {
            return None;
        }
        let lease = lease(word.generation(), now, policy.probe_lease, 0);
        self.hold(slot as usize, held, lease, word.generation());
        Some(Ok(Ticket {
            generation: word.generation(),
            slot: slot as u8,
            flies: false,
            began: now.as_nanos(),
            lease,
        }))
    }

    /// Puts a lease in place of what was there when its slot was free. Who has slept since, until
    /// its generation was over, leaves the slot to whom it belongs by now.
    fn hold(&self, slot: usize, mut held: u64, lease: u64, generation: u32) {
        while let Err(other) = self.leases[slot].compare_exchange(held, lease, AcqRel, Acquire) {
            if self.word().generation() != generation {
                return;
            }
            held = other;
        }
    }

    pub(super) fn has_expired(&self, word: Word, now: Instant) -> bool {
        self.taken(word)
            .any(|slot| has_expired(word.generation(), self.leases[slot].load(Acquire), now))
    }

    /// Ends the leases that have run out. Returns whether there was one.
    fn expire(&self, policy: &Policy, word: Word, now: Instant) -> bool {
        for slot in self.taken(word) {
            let lease = self.leases[slot].load(Acquire);
            if !has_expired(word.generation(), lease, now) || !self.claim(slot, lease) {
                continue;
            }
            let generation = word.generation();
            if lease & HEAD_WAS_GOOD == 0 {
                self.window.add(Kind::Failure, generation, now);
                self.open(policy, generation, Reason::ProbeLost, None, None, now);
            } else {
                self.window.add(Kind::Success, generation, now);
                self.probe_succeeded(policy, generation, slot, now);
            }
            return true;
        }
        false
    }

    fn taken(&self, word: Word) -> impl Iterator<Item = usize> {
        let slots = word.slots();
        (0..self.leases.len()).filter(move |slot| slots >> slot & 1 == 1)
    }

    fn claim(&self, slot: usize, lease: u64) -> bool {
        self.leases[slot].compare_exchange(lease, 0, AcqRel, Relaxed).is_ok()
    }

    /// The head of a probe's answer was good: a stream that lasts is no lost probe.
    pub(crate) fn probe_head(&self, policy: &Policy, ticket: &mut Ticket, now: Instant) {
        let good = lease(ticket.generation, now, policy.stream_after, HEAD_WAS_GOOD);
        let held = &self.leases[usize::from(ticket.slot)];
        if held.compare_exchange(ticket.lease, good, AcqRel, Relaxed).is_ok() {
            ticket.lease = good;
        }
    }

    #[cold]
    pub(super) fn settle_probe(&self, policy: &Policy, ticket: Ticket, told: Told, now: Instant) {
        let (slot, generation) = (usize::from(ticket.slot), ticket.generation);
        if !self.claim(slot, ticket.lease) {
            self.tally.stale.fetch_add(1, Relaxed);
            return;
        }
        let failed = |hint| {
            self.open(policy, generation, Reason::ProbeFailed, None, hint, now);
        };
        match told.outcome {
            Outcome::Success => {
                self.window.add(Kind::Success, generation, now);
                if told.slow {
                    self.window.add(Kind::Slow, generation, now);
                    failed(None);
                } else {
                    self.probe_succeeded(policy, generation, slot, now);
                }
            }
            Outcome::Failure => {
                self.window.add(Kind::Failure, generation, now);
                failed(told.hint);
            }
            Outcome::RateLimited(wait) => {
                self.tally.rate_limited.fetch_add(1, Relaxed);
                failed(wait.or(told.hint));
            }
            Outcome::Ignored => {
                self.ignore(told);
                self.give_back(generation, |word| word.without_slot(slot as u32));
            }
        }
    }

    fn probe_succeeded(&self, policy: &Policy, generation: u32, slot: usize, now: Instant) {
        let freed = |word: Word| word.without_slot(slot as u32).with_success();
        let word = self.give_back(generation, freed);
        if word.is_some_and(|word| word.successes() >= policy.successes_to_close) {
            self.close(policy, generation, now);
        }
    }

    /// Changes the word of a generation that goes on.
    fn give_back(&self, generation: u32, change: impl Fn(Word) -> Word) -> Option<Word> {
        loop {
            let word = self.word();
            if word.generation() != generation || word.phase() != Phase::HalfOpen {
                return None;
            }
            let changed = change(word);
            if self.exchange(word, changed) {
                self.wake();
                return Some(changed);
            }
        }
    }
}
