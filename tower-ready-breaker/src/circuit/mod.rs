//! One circuit: lets calls through or not, and learns from how they go. It knows neither tower nor
//! tokio, and takes the time as an argument.

mod admit;
mod budget;
mod change;
mod cold;
mod given_up;
mod probe;
mod rules;
mod settle;
mod throttle;
mod times;
mod waiting;
mod window;
mod word;

use std::{sync::Arc, time::Duration};

use tower_ready_core::{Instant, Outcome};

pub(crate) use self::{
    budget::Budget,
    rules::Rules,
    times::{Round, Times},
    window::{Span, thread},
    word::{MAX_PROBES, Phase},
};
use self::{
    cold::Cold,
    throttle::{Throttle, spread},
    window::{Kind, Window},
    word::Word,
};
pub use self::{rules::Reason, times::Backoff, window::Counts};
use crate::{
    policy::Policy,
    sync::{AtomicU64, Mutex, Ordering::Acquire, lock},
};

#[derive(Debug)]
pub(crate) struct Circuit {
    word: AtomicU64,
    /// When an open circuit may be tried, and when a recovering one began to.
    since: AtomicU64,
    /// The leases of the probes, by slot.
    leases: Box<[AtomicU64]>,
    window: Window,
    /// Failures with no success between them, below the generation they are of.
    row: AtomicU64,
    /// The bucket in which calls in flight were last looked at.
    watched: AtomicU64,
    tally: Tally,
    throttle: Option<Box<Throttle>>,
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

/// A call that was let through: in which generation, and with which slot if it is a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    generation: u32,
    slot: u8,
    /// Whether it is counted among those whose answer is out.
    pub(crate) flies: bool,
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
    /// Whether the caller gave up, and whether it did so before there was an answer.
    pub(crate) dropped: bool,
    pub(crate) unanswered: bool,
}

impl Circuit {
    pub(crate) fn new(policy: &Policy, stripes: usize, key: Option<Arc<str>>) -> Self {
        let cold = Cold { key, trip: policy.make_trip(), ..Cold::default() };
        Self {
            word: AtomicU64::new(Word::new(policy.closed(), 0).to_bits()),
            since: AtomicU64::default(),
            leases: (0..policy.probes).map(|_| AtomicU64::default()).collect(),
            window: Window::new(policy.span, stripes, policy.kinds(), policy.watch_flights),
            row: AtomicU64::default(),
            watched: AtomicU64::default(),
            tally: Tally::default(),
            throttle: policy.throttle.map(|factor| Box::new(Throttle::new(factor))),
            cold: Mutex::new(cold),
        }
    }

    #[inline]
    fn word(&self) -> Word {
        Word::from_bits(self.word.load(Acquire))
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

    /// Another one after each change.
    pub(crate) fn version(&self) -> (u32, Phase) {
        let word = self.word();
        (word.generation(), word.phase())
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
        self.throttle.as_ref().map_or(0.0, |throttle| throttle.share())
    }
}

impl Ticket {
    const fn of(word: Word, began: u64) -> Self {
        Self { generation: word.generation(), slot: NO_SLOT, flies: false, began, lease: 0 }
    }

    pub(crate) const fn is_probe(&self) -> bool {
        self.slot != NO_SLOT
    }
}

impl Refusal {
    /// What to wait where nobody knows how long.
    pub(crate) const MOMENT: Duration = Duration::from_secs(1);

    const fn new(word: Word, wait: Duration) -> Self {
        Self { phase: word.phase(), wait }
    }
}

impl Told {
    pub(crate) const FAILURE: Self = Self::of(Outcome::Failure);

    pub(crate) const fn of(outcome: Outcome) -> Self {
        Self { outcome, slow: false, hint: None, dropped: false, unanswered: false }
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

    /// How many kinds of outcomes are counted.
    const fn kinds(&self) -> usize {
        let last = match self.throttle {
            Some(_) => Kind::Shed,
            None if self.counts_slow => Kind::Slow,
            None => Kind::Failure,
        };
        last.and_those_before()
    }
}

#[cfg(all(test, loom))]
mod explored;
