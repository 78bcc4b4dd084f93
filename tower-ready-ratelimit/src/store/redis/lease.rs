//! One instance's side of the leases on one bucket: whom it serves, and what it asks for.
//!
//! It knows neither tokio nor Redis: messages are values, and the moment is an argument.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tower_ready_core::Instant;

use super::terms::Terms;
use crate::quota::Span;
pub(super) use crate::store::pot::{Pot, Taken};

/// What one instance holds of one bucket, and who waits for more of it.
#[derive(Debug)]
pub(super) struct Holder<W> {
    pot: Pot,
    /// When the bucket is full at the earliest.
    full: AtomicU64,
    /// Units that were asked for since the last message.
    demanded: AtomicU64,
    /// Below this it is time to ask for more.
    low: AtomicU64,
    asks: AtomicBool,
    desk: Mutex<Desk<W>>,
}

#[derive(Debug)]
struct Desk<W> {
    waiting: VecDeque<(u64, W)>,
    in_flight: bool,
    asked: Option<Instant>,
    /// Units a second, as they were asked for lately.
    rate: f64,
    /// There is little left in the bucket: nobody asks before this.
    not_before: Instant,
}

/// A message to the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) sequence: u64,
    /// The instance holds no more than this from now on.
    pub(super) held: u64,
    pub(super) returned: u64,
    /// For callers that wait.
    pub(super) want: u64,
    pub(super) callers: usize,
    /// To hold, if there is plenty.
    pub(super) ahead: u64,
    /// To hold, if there is little.
    pub(super) soon: u64,
    pub(super) at: Instant,
}

/// The answer to an [`Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// So many of those that were held still are.
    pub(super) kept: u64,
    pub(super) granted: u64,
    /// So many were left in the bucket.
    pub(super) room: u64,
    /// When the bucket is full at the earliest.
    pub(super) full: Span,
}

/// What an answer means for those who wait.
#[derive(Debug)]
pub(super) struct Outcome<W> {
    /// The bucket gave them their units.
    pub(super) served: Vec<W>,
    /// Those were taken from what is held.
    pub(super) held: Vec<W>,
    pub(super) refused: Vec<W>,
    /// Others wait, and another message has to be sent for them.
    pub(super) again: bool,
}

/// What becomes of somebody who wants units.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted<W> {
    Taken(Taken),
    /// There is none, and none to be had before a moment.
    Refused(W, Instant),
    /// It is in line. Whoever is told so has to send a message.
    InLine {
        send: bool,
    },
}

/// A lease that is smaller does not pay.
const SMALLEST: u64 = 4;

impl<W> Holder<W> {
    pub(super) fn new() -> Self {
        Self {
            pot: Pot::new(),
            full: AtomicU64::new(0),
            demanded: AtomicU64::new(0),
            low: AtomicU64::new(0),
            asks: AtomicBool::new(false),
            desk: Mutex::new(Desk {
                waiting: VecDeque::new(),
                in_flight: false,
                asked: None,
                rate: 0.0,
                not_before: Instant::from_nanos(0),
            }),
        }
    }

    /// Takes units that are held. Says also whether it is time to ask for more.
    #[inline]
    pub(super) fn take(&self, now: Instant, units: u64) -> Option<(Taken, bool)> {
        let taken = self.pot.take(now, units)?;
        self.demanded.fetch_add(units, Relaxed);
        let is_low = taken.left < self.low.load(Relaxed) && !self.asks.load(Relaxed);
        Some((taken, is_low))
    }

    pub(super) fn put_back(&self, taken: Taken) {
        self.pot.put_back(taken);
    }

    /// When the bucket is full at the earliest, as last heard.
    pub(super) fn full(&self) -> Instant {
        Instant::from_nanos(self.full.load(Relaxed))
    }

    /// Takes units that are held, or gets in line for them.
    pub(super) fn want(&self, now: Instant, units: u64, waiter: W) -> Wanted<W> {
        let mut desk = self.desk();
        // Somebody may have brought more meanwhile; but nobody overtakes.
        if desk.waiting.is_empty()
            && let Some((taken, _)) = self.take(now, units)
        {
            return Wanted::Taken(taken);
        }
        self.demanded.fetch_add(units, Relaxed);
        if !desk.in_flight && now < desk.not_before {
            return Wanted::Refused(waiter, desk.not_before);
        }
        desk.waiting.push_back((units, waiter));
        let send = !desk.in_flight;
        desk.in_flight = true;
        self.asks.store(true, Relaxed);
        Wanted::InLine { send }
    }

    /// Whether to send a message that nobody waits for: what is held is low, or about to lapse.
    pub(super) fn wants_ahead(&self, now: Instant) -> bool {
        let mut desk = self.desk();
        let send = !desk.in_flight && now >= desk.not_before;
        if send {
            desk.in_flight = true;
            self.asks.store(true, Relaxed);
        }
        send
    }

    /// The message to send. While it is under way nobody sends another for this bucket.
    pub(super) fn ask(&self, now: Instant, sequence: u64, terms: &Terms, give_back: bool) -> Ask {
        let mut desk = self.desk();
        let demanded = self.demanded.swap(0, Relaxed);
        desk.measure(now, demanded);
        let (held, returned) = self.pot.report(now, give_back);
        let want = desk.waiting.iter().fold(0u64, |sum, (units, _)| sum.saturating_add(*units));
        let aim = if give_back { 0 } else { desk.aim(terms) };
        let ahead = if aim < SMALLEST { 0 } else { aim.saturating_sub(held) };
        let (callers, soon) = (desk.waiting.len(), desk.soon(terms));
        Ask { sequence, held, returned, want, callers, ahead, soon, at: now }
    }

    /// The answer came, or none did. Says who is served by it and who is not, and whether others wait
    /// for another message.
    pub(super) fn answered(
        &self,
        now: Instant,
        ask: &Ask,
        grant: Option<&Grant>,
        terms: &Terms,
    ) -> Outcome<W> {
        let mut desk = self.desk();
        let mut outcome =
            Outcome { served: Vec::new(), held: Vec::new(), refused: Vec::new(), again: false };
        let mut left = grant.map_or(0, |grant| grant.granted);
        let is_short = left < ask.want;
        for _ in 0..ask.callers {
            let Some((units, waiter)) = desk.waiting.pop_front() else { break };
            match left.checked_sub(units).filter(|_| grant.is_some()) {
                Some(rest) => {
                    left = rest;
                    outcome.served.push(waiter);
                }
                None => outcome.refused.push(waiter),
            }
        }
        if let Some(grant) = grant {
            self.pot.renew(ask.at, ask.held, grant.kept, left, terms.belief());
            self.full.store(grant.full.nanos, Relaxed);
            let aim = desk.aim(terms);
            let holds = self.pot.units();
            // A bucket that has more than it refills in a pause is asked until it has not.
            let is_low = holds < desk.soon(terms) && grant.room <= terms.refill;
            let is_scarce = is_short || (aim >= SMALLEST && is_low);
            desk.not_before = if is_scarce { ask.at + terms.pause } else { ask.at };
            self.low.store(if is_scarce { 0 } else { holds * 3 / 10 }, Relaxed);
            // Whoever came meanwhile takes of what was brought. If there is little left in the
            // bucket, the others do not ask for it one by one.
            while let Some((units, waiter)) = desk.waiting.pop_front() {
                if self.pot.take(now, units).is_some() {
                    outcome.held.push(waiter);
                } else if is_scarce && now < desk.not_before {
                    outcome.refused.push(waiter);
                } else {
                    desk.waiting.push_front((units, waiter));
                    break;
                }
            }
        }
        outcome.again = !desk.waiting.is_empty();
        desk.in_flight = outcome.again;
        self.asks.store(outcome.again, Relaxed);
        outcome
    }

    /// Whether nobody has wanted anything since the last message, and nothing is held.
    pub(super) fn is_idle(&self, now: Instant, terms: &Terms) -> bool {
        let desk = self.desk();
        let asked = desk.asked.is_none_or(|asked| now.since(asked) > 2 * terms.life);
        asked
            && !desk.in_flight
            && (self.pot.units() == 0 || now >= self.pot.lapses())
            && self.demanded.load(Relaxed) == 0
    }

    /// Whether what is held lapses soon.
    pub(super) fn lapses_soon(&self, now: Instant, terms: &Terms) -> bool {
        let lapses = self.pot.lapses();
        self.pot.units() > 0 && now < lapses && now + terms.life / 2 >= lapses
    }

    /// Whether anybody wanted units since the last message.
    pub(super) fn is_wanted(&self) -> bool {
        self.demanded.load(Relaxed) > 0
    }

    pub(super) fn units(&self) -> u64 {
        self.pot.units()
    }

    fn desk(&self) -> MutexGuard<'_, Desk<W>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Desk<W> {
    fn measure(&mut self, now: Instant, demanded: u64) {
        // Of the first one who comes nobody knows whether there will be a second.
        if let Some(asked) = self.asked {
            // In a moment as short as that one caller looks like a crowd.
            let seconds = now.since(asked).max(Duration::from_millis(2)).as_secs_f64();
            let weight = (seconds / 0.1).clamp(0.1, 1.0);
            self.rate += (demanded as f64 / seconds - self.rate) * weight;
        }
        self.asked = Some(now);
    }

    /// What to hold: as much as is asked for in half of a lease's life.
    fn aim(&self, terms: &Terms) -> u64 {
        let aim = self.rate * terms.life.as_secs_f64() / 2.0;
        (aim as u64).min(Pot::MAX / 4)
    }

    /// What is spent until it may ask again.
    fn soon(&self, terms: &Terms) -> u64 {
        ((self.rate * terms.pause.as_secs_f64()) as u64).min(Pot::MAX / 4)
    }
}
