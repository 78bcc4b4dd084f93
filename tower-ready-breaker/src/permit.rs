use std::{fmt, sync::Arc, thread, time::Duration};

use tower_ready_core::{Instant, Outcome};

use crate::{
    circuit::{Circuit, Ticket, Told},
    pins::Pin,
    policy::Policy,
};

/// A call that was let through. It is owed an outcome.
///
/// Dropped without one, the call was given up, which says nothing, unless it had waited for as long
/// as [`abandon_after`](crate::BreakerBuilder::abandon_after): then the peer failed. Dropped by a
/// panic it is a failure.
#[must_use = "a permit that is dropped counts as a call that was given up"]
pub struct Permit {
    /// Where the circuit is. Each thread counts the references of a pin of its own.
    pin: Arc<Pin>,
    circuit: u32,
    is_open: bool,
    ticket: Ticket,
}

impl Permit {
    pub(crate) const fn new(pin: Arc<Pin>, circuit: u32, ticket: Ticket) -> Self {
        Self { pin, circuit, is_open: true, ticket }
    }

    /// The call succeeded.
    pub fn success(self) {
        self.record(Outcome::Success);
    }

    /// The call failed, and the peer is to blame.
    pub fn failure(self) {
        self.record(Outcome::Failure);
    }

    /// The call says nothing about the peer.
    pub fn ignore(self) {
        self.record(Outcome::Ignored);
    }

    /// The call went like this.
    pub fn record(mut self, outcome: Outcome) {
        let now = Instant::now();
        let slow = self.is_slow(now);
        self.settle(outcome, slow, None, now);
    }

    /// The call failed, and the peer said when to come again.
    pub fn failure_with_hint(mut self, retry_after: Duration) {
        let now = Instant::now();
        let slow = self.is_slow(now);
        self.settle(Outcome::Failure, slow, Some(retry_after), now);
    }

    /// Whether the call tries a circuit that is half-open.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.ticket.is_probe()
    }

    pub(crate) const fn is_settled(&self) -> bool {
        !self.is_open
    }

    #[inline]
    pub(crate) fn policy(&self) -> &Policy {
        &self.pin.shared.policy
    }

    #[inline]
    fn circuit(&self) -> &Circuit {
        self.pin.shared.circuit(self.circuit)
    }

    /// Whether the call has taken longer than it should, if that was asked for.
    pub(crate) fn is_slow(&self, now: Instant) -> bool {
        let slow = self.policy().live.slow();
        slow != 0 && self.waited(now) >= slow
    }

    fn waited(&self, now: Instant) -> u64 {
        match self.ticket.began {
            0 => 0,
            began => now.as_nanos().saturating_sub(began),
        }
    }

    /// The call did not come back at once: from here on it waits.
    #[inline]
    pub(crate) fn waits(&mut self) {
        if self.ticket.began == 0 && self.policy().live.abandon() != 0 {
            self.ticket.began = Instant::now().as_nanos();
        }
    }

    /// The head of the answer came in time.
    #[inline]
    pub(crate) fn land(&mut self, now: Instant) {
        if self.ticket.flies {
            self.ticket.flies = false;
            self.circuit().land(self.ticket, now);
        }
    }

    /// The head of the answer was good, and the rest is to come.
    pub(crate) fn head_was_good(&mut self, now: Instant) {
        if self.ticket.is_probe() {
            let Self { pin, ticket, .. } = self;
            let shared = &pin.shared;
            shared.circuit(self.circuit).probe_head(&shared.policy, ticket, now);
        }
    }

    /// The call was given up: before its deadline that says nothing, nor soon after it was made.
    pub(crate) fn give_up(&mut self, before_head: bool, deadline: Option<Instant>) {
        let now = Instant::now();
        let abandon = self.policy().live.abandon();
        let abandoned = before_head && abandon != 0 && self.waited(now) >= abandon;
        let told = if abandoned || deadline.is_some_and(|deadline| deadline <= now) {
            Told { slow: before_head && self.is_slow(now), ..Told::FAILURE }
        } else {
            Told { dropped: true, unanswered: before_head, ..Told::of(Outcome::Ignored) }
        };
        self.tell(told, now);
    }

    #[inline]
    pub(crate) fn settle(
        &mut self,
        outcome: Outcome,
        slow: bool,
        hint: Option<Duration>,
        now: Instant,
    ) {
        let told = Told { slow, hint, ..Told::of(outcome) };
        self.tell(told, now);
    }

    /// What was told was not all.
    pub(crate) fn unsettle(&mut self) {
        self.is_open = true;
        self.ticket.flies = false;
    }

    #[inline]
    fn tell(&mut self, told: Told, now: Instant) {
        if std::mem::replace(&mut self.is_open, false) {
            self.circuit().settle(self.policy(), self.ticket, told, now);
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.is_open {
            self.drop_open();
        }
    }
}

impl Permit {
    #[cold]
    fn drop_open(&mut self) {
        if thread::panicking() {
            self.tell(Told::FAILURE, Instant::now());
        } else {
            self.give_up(true, None);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("breaker", &self.policy().name)
            .field("is_probe", &self.is_probe())
            .finish_non_exhaustive()
    }
}
