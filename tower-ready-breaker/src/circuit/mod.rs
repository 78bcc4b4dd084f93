//! One circuit: lets calls through or not, and learns from how they go. It knows neither tower nor
//! tokio, and takes the time as an argument.

mod budget;
mod probe;
mod rules;
mod throttle;
mod times;
mod window;
mod word;

use std::{sync::Arc, task::Waker, time::Duration};

use tower_ready_core::{Instant, Outcome};

pub(crate) use self::{
    budget::Budget,
    rules::Rules,
    times::{Round, Times},
    window::{Span, thread},
    word::{MAX_PROBES, Phase},
};
pub use self::{rules::Reason, times::Backoff, window::Counts};
use self::{
    throttle::{Throttle, spread},
    window::{Kind, Window},
    word::Word,
};
use crate::{
    Change, Sample, Trip, TripPolicy,
    policy::Policy,
    sync::{
        AtomicU64, Mutex, MutexGuard,
        Ordering::{AcqRel, Acquire, Relaxed},
        lock,
    },
};

#[derive(Debug)]
pub(crate) struct Circuit {
    word: AtomicU64,
    /// When an open circuit may be tried, and when a recovering one began to.
    since: AtomicU64,
    /// The leases of the probes, by slot.
    leases: Box<[AtomicU64]>,
    window: Window,
    consecutive: AtomicU64,
    /// The bucket in which calls in flight were last looked at.
    watched: AtomicU64,
    tally: Tally,
    throttle: Throttle,
    cold: Mutex<Cold>,
}

/// What is rare enough for one counter each.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) ignored: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) rate_limited: AtomicU64,
    pub(crate) stale: AtomicU64,
}

/// What changes only with the state.
#[derive(Default)]
struct Cold {
    key: Option<Arc<str>>,
    round: Option<Round>,
    last: Duration,
    /// When it last closed.
    closed: Option<Instant>,
    reason: Option<Reason>,
    /// Whether it was said that it would open.
    told: bool,
    /// Whether it is one of those of its group that may be open.
    counted: bool,
    trip: Option<Box<dyn TripPolicy>>,
    /// Who waits for the state to change.
    waiting: Vec<Waker>,
}

/// A call that was let through: in which generation, and with which slot if it is a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    generation: u32,
    slot: u8,
    /// When it began, in nanoseconds; zero if nobody asks.
    pub(crate) began: u64,
    lease: u64,
}

const NO_SLOT: u8 = u8::MAX;

/// Why a call was not let through, and how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) phase: Phase,
    pub(crate) wait: Duration,
}

/// How a call went, and what the peer said of when to come again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    pub(crate) slow: bool,
    pub(crate) hint: Option<Duration>,
    /// Whether the caller gave up.
    pub(crate) dropped: bool,
}

impl Circuit {
    pub(crate) fn new(policy: &Policy, stripes: usize, key: Option<Arc<str>>) -> Self {
        let cold = Cold {
            key,
            trip: policy.trip.as_ref().map(|make| make()),
            ..Cold::default()
        };
        Self {
            word: AtomicU64::new(Word::new(policy.closed(), 0).to_bits()),
            since: AtomicU64::default(),
            leases: (0..policy.probes).map(|_| AtomicU64::default()).collect(),
            window: Window::new(policy.span, stripes, policy.watch_flights),
            consecutive: AtomicU64::default(),
            watched: AtomicU64::default(),
            tally: Tally::default(),
            throttle: Throttle::default(),
            cold: Mutex::new(cold),
        }
    }

    #[inline]
    fn word(&self) -> Word {
        Word::from_bits(self.word.load(Acquire))
    }

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
        let admitted = self.decide(policy, now);
        match &admitted {
            Ok(ticket) => self.window.begin(ticket.generation, now),
            Err(_) => self.window.reject(),
        }
        admitted
    }

    fn decide(&self, policy: &Policy, now: Instant) -> Result<Ticket, Refusal> {
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
                    let factor = policy.throttle.unwrap_or(f64::INFINITY);
                    let generation = word.generation();
                    if self
                        .throttle
                        .lets_pass(&self.window, generation, factor, now)
                    {
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
    fn recovers(&self, policy: &Policy, word: Word, now: Instant) -> bool {
        let began = Instant::from_nanos(self.since.load(Acquire));
        let done = now.since(began).as_secs_f64() / policy.ramp.as_secs_f64();
        if done >= 1.0 {
            // The same generation: what was counted so far counts on.
            let closed = Word::new(Phase::Closed, word.generation());
            let _ = self.exchange(word, closed);
            return true;
        }
        spread(self.watched.fetch_add(1, Relaxed)) < 0.1 + 0.9 * done
    }

    /// Once in a bucket, looks at the calls that are out: when all of them hang, none ends to be
    /// counted. Returns whether the state may have changed.
    fn watch_flights(&self, policy: &Policy, word: Word, now: Instant) -> bool {
        if !policy.watch_flights {
            return false;
        }
        let number = policy.span.number(now);
        let watched = self.watched.load(Relaxed);
        if watched == number
            || self
                .watched
                .compare_exchange(watched, number, Relaxed, Relaxed)
                .is_err()
        {
            return false;
        }
        self.judge(policy, word.generation(), None, now);
        self.word() != word
    }

    /// A call is over.
    #[inline]
    pub(crate) fn settle(&self, policy: &Policy, ticket: Ticket, told: Told, now: Instant) {
        let word = self.word();
        if word.generation() != ticket.generation {
            self.tally.stale.fetch_add(1, Relaxed);
            return;
        }
        if ticket.began != 0 {
            let began = Instant::from_nanos(ticket.began);
            self.window.end(ticket.generation, began, now);
        }
        if ticket.slot != NO_SLOT {
            return self.settle_probe(policy, ticket, told, now);
        }
        self.count(policy, ticket.generation, told, now);
        if policy.trip.is_some() {
            self.ask_trip_policy(policy, ticket.generation, told, now);
        }
    }

    #[inline]
    fn count(&self, policy: &Policy, generation: u32, told: Told, now: Instant) {
        if told.outcome != Outcome::Success || told.slow {
            return self.count_others(policy, generation, told, now);
        }
        self.window.add(Kind::Success, generation, now);
        self.end_row(policy);
    }

    fn end_row(&self, policy: &Policy) {
        if policy.live.counts_consecutive() && self.consecutive.load(Relaxed) != 0 {
            self.consecutive.store(0, Relaxed);
        }
    }

    /// Whatever may open the circuit, or says nothing: rare while all is well.
    #[cold]
    fn count_others(&self, policy: &Policy, generation: u32, told: Told, now: Instant) {
        match told.outcome {
            Outcome::Success => {
                self.window.add(Kind::Success, generation, now);
                self.end_row(policy);
                self.window.add(Kind::Slow, generation, now);
                self.judge(policy, generation, None, now);
            }
            Outcome::Failure => {
                self.window.add(Kind::Failure, generation, now);
                if told.slow {
                    self.window.add(Kind::Slow, generation, now);
                }
                if policy.live.counts_consecutive() {
                    self.consecutive.fetch_add(1, Relaxed);
                }
                self.judge(policy, generation, told.hint, now);
            }
            Outcome::RateLimited(wait) => {
                self.tally.rate_limited.fetch_add(1, Relaxed);
                let hint = wait.or(told.hint);
                if policy.count_rate_limits {
                    self.window.add(Kind::Failure, generation, now);
                    self.judge(policy, generation, hint, now);
                }
                if policy.honour_rate_limits
                    && let Some(hint) = hint
                {
                    let asked = hint.min(policy.hint_cap);
                    self.trip(
                        policy,
                        generation,
                        Reason::RateLimited,
                        Some(asked),
                        None,
                        now,
                    );
                }
            }
            Outcome::Ignored => self.ignore(told),
        }
    }

    fn ignore(&self, told: Told) {
        let tally = &self.tally;
        let counter = if told.dropped {
            &tally.dropped
        } else {
            &tally.ignored
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Opens if the rules say so.
    fn judge(&self, policy: &Policy, generation: u32, hint: Option<Duration>, now: Instant) {
        let rules = policy.live.rules();
        let counts = self.window.counts(generation, now);
        let late = match rules.slow {
            Some(slow) => self.window.late(generation, now - slow, now),
            None => 0,
        };
        let consecutive = self.consecutive.load(Relaxed);
        if let Some(reason) = rules.judge(&counts, late, consecutive) {
            self.trip(policy, generation, reason, None, hint, now);
        }
    }

    #[cold]
    fn ask_trip_policy(&self, policy: &Policy, generation: u32, told: Told, now: Instant) {
        let sample = Sample {
            outcome: told.outcome,
            slow: told.slow,
            at: now,
        };
        let trip = {
            let mut cold = lock(&self.cold);
            match &mut cold.trip {
                Some(trip) if self.word().generation() == generation => trip.sample(&sample),
                _ => Trip::Stay,
            }
        };
        match trip {
            Trip::Stay => {}
            Trip::Open => self.trip(policy, generation, Reason::TripPolicy, None, told.hint, now),
            Trip::OpenFor(time) => {
                self.trip(
                    policy,
                    generation,
                    Reason::TripPolicy,
                    Some(time),
                    told.hint,
                    now,
                );
            }
        }
    }

    /// What a rule leads to, which depends on what the circuit is set to.
    #[cold]
    fn trip(
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
            Phase::Throttling => self.throttle.refresh(),
            Phase::Open | Phase::ForcedOpen | Phase::Disabled => {}
        }
    }

    fn would_open(&self, policy: &Policy, generation: u32, reason: Reason) {
        let mut cold = lock(&self.cold);
        if !std::mem::replace(&mut cold.told, true) {
            cold.reason = Some(reason);
            let key = cold.key.clone();
            drop(cold);
            policy.tell(key.as_deref(), generation, Change::WouldOpen { reason });
        }
    }

    fn open(
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
        let quiet = |closed: Instant| now.since(closed) >= policy.span.length();
        if self.word().phase() != Phase::HalfOpen {
            if !self.may_open(policy, &mut cold) {
                return self.spare(policy, generation, cold, reason);
            }
            if cold.closed.is_none_or(quiet) {
                cold.round = None;
            }
        }
        let own = asked.unwrap_or_else(|| cold.next(policy));
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
    fn may_open(&self, policy: &Policy, cold: &mut Cold) -> bool {
        match &policy.budget {
            Some(budget) if !cold.counted => {
                cold.counted = budget.take();
                cold.counted
            }
            _ => true,
        }
    }

    fn spare(
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
    fn half_open(&self, policy: &Policy, word: Word) {
        let next = word.next(Phase::HalfOpen);
        if self.exchange(word, next) {
            let key = self.key();
            self.wake();
            policy.tell(key.as_deref(), next.generation(), Change::HalfOpened);
        }
    }

    fn close(&self, policy: &Policy, generation: u32, now: Instant) {
        let mut cold = lock(&self.cold);
        if self.word().generation() != generation {
            return;
        }
        self.since.store(now.as_nanos(), Relaxed);
        self.consecutive.store(0, Relaxed);
        let phase = match policy.ramp {
            Duration::ZERO => Phase::Closed,
            _ => Phase::Recovering,
        };
        let Some(word) = self.leave(generation, phase) else {
            return;
        };
        cold.leave_group(policy);
        cold.closed = Some(now);
        (cold.reason, cold.told) = (None, false);
        if let Some(trip) = &mut cold.trip {
            trip.closed();
        }
        let key = cold.key.clone();
        drop(cold);
        self.wake();
        policy.tell(key.as_deref(), word.generation(), Change::Closed);
    }

    /// Ends a generation, if it has not ended. Slots may be taken and given back meanwhile.
    fn leave(&self, generation: u32, phase: Phase) -> Option<Word> {
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

    fn exchange(&self, from: Word, to: Word) -> bool {
        let (from, to) = (from.to_bits(), to.to_bits());
        self.word
            .compare_exchange(from, to, AcqRel, Relaxed)
            .is_ok()
    }

    /// Sets the circuit to what somebody says.
    pub(crate) fn command(&self, policy: &Policy, phase: Phase, now: Instant) {
        let mut cold = lock(&self.cold);
        cold.leave_group(policy);
        *cold = Cold {
            key: cold.key.take(),
            trip: cold.trip.take(),
            waiting: std::mem::take(&mut cold.waiting),
            closed: Some(now),
            ..Cold::default()
        };
        if let Some(trip) = &mut cold.trip {
            trip.closed();
        }
        self.consecutive.store(0, Relaxed);
        self.throttle.refresh();
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
            Phase::HalfOpen => Change::HalfOpened,
            _ => Change::Closed,
        };
        policy.tell(key.as_deref(), next.generation(), change);
    }

    /// Wakes this task at the next change.
    #[cfg(feature = "gate")]
    pub(crate) fn wake_on_change(&self, waker: &Waker) {
        let waiting = &mut lock(&self.cold).waiting;
        if !waiting.iter().any(|other| other.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    /// Wakes who waits, under no lock.
    fn wake(&self) {
        let waiting = std::mem::take(&mut lock(&self.cold).waiting);
        for waker in waiting {
            waker.wake();
        }
    }

    /// Gives the circuit to another key: calls of the one before tell nothing any more.
    pub(crate) fn reuse(&self, policy: &Policy, key: Arc<str>) {
        let mut cold = lock(&self.cold);
        cold.leave_group(policy);
        *cold = Cold {
            key: Some(key),
            trip: policy.trip.as_ref().map(|make| make()),
            ..Cold::default()
        };
        self.consecutive.store(0, Relaxed);
        while self.leave(self.generation(), policy.closed()).is_none() {}
    }

    /// Whether the circuit has nothing to remember: it is closed, and no call has ended within the
    /// window.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        let word = self.word();
        matches!(word.phase(), Phase::Closed | Phase::Throttling)
            && self.window.counts(word.generation(), now) == Counts::default()
    }

    pub(crate) fn key(&self) -> Option<Arc<str>> {
        lock(&self.cold).key.clone()
    }

    /// The inner service failed to get ready: a call that fails before it is made.
    pub(crate) fn fail_unready(&self, policy: &Policy, now: Instant) {
        let word = self.word();
        match word.phase() {
            Phase::Open | Phase::ForcedOpen => {}
            Phase::HalfOpen => {
                let generation = word.generation();
                self.window.add(Kind::Failure, generation, now);
                self.open(policy, generation, Reason::ProbeFailed, None, None, now);
            }
            _ => self.settle(policy, Ticket::of(word, 0), Told::FAILURE, now),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.word().phase()
    }

    pub(crate) fn generation(&self) -> u32 {
        self.word().generation()
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        lock(&self.cold).reason
    }

    /// When an open circuit may be tried.
    pub(crate) fn opens_until(&self) -> Option<Instant> {
        let word = self.word();
        let since = Instant::from_nanos(self.since.load(Acquire));
        (word.phase() == Phase::Open).then_some(since)
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        self.window.counts(self.generation(), now)
    }

    pub(crate) fn totals(&self) -> Counts {
        self.window.totals()
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.window.rejected()
    }

    pub(crate) fn count_rejected(&self) {
        self.window.reject();
    }

    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn shed_share(&self) -> f64 {
        self.throttle.share()
    }
}

impl Cold {
    fn leave_group(&mut self, policy: &Policy) {
        if let Some(budget) = &policy.budget
            && std::mem::take(&mut self.counted)
        {
            budget.give_back();
        }
    }

    /// The next open time. Who runs out of them stays with the last.
    fn next(&mut self, policy: &Policy) -> Duration {
        let round = self.round.get_or_insert_with(|| policy.times.round());
        if let Some(time) = round.next() {
            self.last = time;
        }
        self.last
    }
}

impl Ticket {
    const fn of(word: Word, began: u64) -> Self {
        Self {
            generation: word.generation(),
            slot: NO_SLOT,
            began,
            lease: 0,
        }
    }

    pub(crate) const fn is_probe(&self) -> bool {
        self.slot != NO_SLOT
    }
}

impl Refusal {
    /// What to wait where nobody knows how long.
    pub(crate) const MOMENT: Duration = Duration::from_secs(1);

    const fn new(word: Word, wait: Duration) -> Self {
        Self {
            phase: word.phase(),
            wait,
        }
    }
}

impl Told {
    pub(crate) const FAILURE: Self = Self::of(Outcome::Failure);

    pub(crate) const fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            slow: false,
            hint: None,
            dropped: false,
        }
    }
}

impl Policy {
    /// What a circuit is set to when nobody says otherwise.
    pub(crate) const fn closed(&self) -> Phase {
        match self.throttle {
            None => Phase::Closed,
            Some(_) => Phase::Throttling,
        }
    }
}

impl std::fmt::Debug for Cold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cold")
            .field("key", &self.key)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod explored;
