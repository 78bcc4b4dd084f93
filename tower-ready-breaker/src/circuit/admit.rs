//! Whether a call passes.

use tower_ready_core::Instant;

use super::{Circuit, Kind, Phase, Refusal, Ticket, Word, spread};
use crate::{
    policy::Policy,
    sync::Ordering::{Acquire, Relaxed},
};

impl Circuit {
    /// Lets a call through without a look at the clock, if all pass.
    #[inline]
    pub(crate) fn pass(&self) -> Option<Ticket> {
        let word = self.word();
        match word.phase() {
            Phase::Closed | Phase::Disabled | Phase::Watching => Some(Ticket::of(word, 0)),
            _ => None,
        }
    }

    /// Whether a call would pass now, as far as can be told without taking a slot.
    pub(crate) fn lets_pass(&self, policy: &Policy, now: Instant) -> bool {
        let word = self.word();
        match word.phase() {
            Phase::Open => now.as_nanos() >= self.since.load(Acquire),
            Phase::HalfOpen => {
                word.free_slot(policy.probes).is_some() || self.has_expired(word, now)
            }
            Phase::ForcedOpen => false,
            _ => true,
        }
    }

    /// Lets a call through, or not.
    pub(crate) fn admit(&self, policy: &Policy, now: Instant) -> Result<Ticket, Refusal> {
        let mut admitted = self.decide(policy, now);
        match &mut admitted {
            Ok(ticket) => ticket.flies = self.window.begin(ticket.generation, now),
            Err(_) => self.window.reject(),
        }
        admitted
    }

    pub(super) fn decide(&self, policy: &Policy, now: Instant) -> Result<Ticket, Refusal> {
        loop {
            let word = self.word();
            let ticket = Ticket::of(word, now.as_nanos());
            match word.phase() {
                Phase::Closed | Phase::Watching => {
                    if self.watch_flights(policy, word, now) {
                        continue;
                    }
                    return Ok(ticket);
                }
                Phase::Disabled => return Ok(ticket),
                Phase::Open => {
                    let since = Instant::from_nanos(self.since.load(Acquire));
                    if now < since {
                        return Err(Refusal::new(word, since.since(now)));
                    }
                    self.half_open(policy, word);
                }
                Phase::HalfOpen => {
                    if let Some(answer) = self.try_probe(policy, word, now) {
                        return answer;
                    }
                }
                Phase::Recovering => {
                    if self.recovers(policy, word, now) {
                        return Ok(ticket);
                    }
                    return Err(Refusal::new(word, Refusal::MOMENT));
                }
                Phase::Throttling => {
                    let generation = word.generation();
                    let throttle = self.throttle.as_ref();
                    if throttle.is_none_or(|it| it.lets_pass(&self.window, generation, now)) {
                        return Ok(ticket);
                    }
                    self.window.add(Kind::Shed, generation, now);
                    return Err(Refusal::new(word, Refusal::MOMENT));
                }
                Phase::ForcedOpen => return Err(Refusal::new(word, Refusal::MOMENT)),
            }
        }
    }

    /// After a failure a circuit lets a growing share through, from a tenth to all.
    pub(super) fn recovers(&self, policy: &Policy, word: Word, now: Instant) -> bool {
        let began = Instant::from_nanos(self.since.load(Acquire));
        let done = now.since(began).as_secs_f64() / policy.ramp.as_secs_f64();
        if done >= 1.0 {
            // The same generation: what was counted so far counts on.
            let closed = Word::new(Phase::Closed, word.generation());
            if self.exchange(word, closed) {
                self.wake();
            }
            return true;
        }
        spread(self.watched.fetch_add(1, Relaxed)) < 0.1 + 0.9 * done
    }

    /// Once in a bucket, looks at the calls that are out: when all of them hang, none ends to be
    /// counted. Returns whether the state may have changed.
    pub(super) fn watch_flights(&self, policy: &Policy, word: Word, now: Instant) -> bool {
        if !policy.watch_flights {
            return false;
        }
        let number = policy.span.number(now);
        let watched = self.watched.load(Relaxed);
        if watched == number
            || self.watched.compare_exchange(watched, number, Relaxed, Relaxed).is_err()
        {
            return false;
        }
        self.judge(policy, word.generation(), None, now);
        self.word() != word
    }
}
