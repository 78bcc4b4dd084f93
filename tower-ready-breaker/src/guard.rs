//! What hears of an exchange, and tells the circuit.

use bytes::Bytes;
use http::{Request, Response};
use tower_ready_core::{Deadline, End, Guard, Instant, Outcome, Pending, Verdict};

use crate::{Answer, Permit, contained::contained, hint::hint};

/// What an exchange holds until it ends: the permit, and what is known of the outcome.
///
/// The futures and bodies of this crate carry it; there is nothing to call.
#[derive(Debug)]
pub struct Watch {
    permit: Permit,
    deadline: Option<Deadline>,
    slow: bool,
    /// What the head left to the end.
    pending: Option<Pending>,
    stream: Stream,
}

/// How far a body has come: since when it goes on, in nanoseconds, or one of these. Small, since it
/// moves along with each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream(u64);

impl Stream {
    const BEGINS: Self = Self(0);
    /// There was a frame. Most bodies have no more, and cost no look at the clock.
    const BEGUN: Self = Self(1);
    /// It has gone on for so long that it was counted.
    const COUNTED: Self = Self(u64::MAX);
}

impl Watch {
    #[inline]
    pub(crate) fn new<Q>(request: &Request<Q>, permit: Permit) -> Self {
        let deadline = Deadline::of(request.extensions());
        Self { permit, deadline, slow: false, pending: None, stream: Stream::BEGINS }
    }

    fn measure(&mut self, now: Instant) {
        self.slow = self.permit.is_slow(now);
    }

    /// A stream may last for hours: it is as good as its head until it breaks.
    #[cold]
    fn watch_stream(&mut self) {
        let now = Instant::now();
        if self.stream == Stream::BEGUN {
            self.stream = Stream(now.as_nanos());
        }
        let goes_on = now.since(Instant::from_nanos(self.stream.0));
        if goes_on >= self.permit.policy().stream_after {
            self.stream = Stream::COUNTED;
            self.settle(Outcome::Success, None, now);
        }
    }

    fn settle(&mut self, outcome: Outcome, hint: Option<std::time::Duration>, now: Instant) {
        self.permit.settle(outcome, self.slow, hint, now);
    }
}

impl Guard for Watch {
    #[inline]
    fn pending(&mut self) {
        self.permit.waits();
    }

    #[inline]
    fn head<B>(&mut self, response: &mut Response<B>) {
        let classify = self.permit.policy().classify.as_ref();
        let own = classify.and_then(|classify| {
            let answer = Answer {
                status: response.status(),
                headers: response.headers(),
                extensions: response.extensions(),
            };
            contained(|| classify.head(&answer)).flatten()
        });
        let verdict = own.map_or_else(|| Verdict::of_head(response), Verdict::Known);
        let is_timed = self.permit.policy().live.slow() != 0 || self.permit.is_probe();
        match verdict {
            Verdict::Known(outcome) => {
                let now = Instant::now();
                self.measure(now);
                let hint = match outcome {
                    Outcome::Failure | Outcome::RateLimited(_) => hint(response.headers()),
                    Outcome::Success | Outcome::Ignored => None,
                };
                self.settle(outcome, hint, now);
            }
            Verdict::AtEnd(pending) => {
                self.pending = Some(pending);
                if is_timed {
                    let now = Instant::now();
                    if !self.permit.policy().slow_to_end {
                        self.measure(now);
                        if !self.slow {
                            self.permit.land(now);
                        }
                    }
                    match self.slow && self.permit.is_probe() {
                        // Whatever comes of the rest, the probe was too slow.
                        true => self.settle(Outcome::Success, None, now),
                        false => self.permit.head_was_good(now),
                    }
                }
            }
        }
    }

    #[inline]
    fn data(&mut self, _: &Bytes) {
        if self.stream == Stream::BEGINS {
            self.stream = Stream::BEGUN;
        } else if !self.permit.is_settled() && !self.permit.policy().slow_to_end {
            // Of a body that has to end in time its end alone could tell.
            self.watch_stream();
        }
    }

    /// The service inside is not to blame for a panic outside.
    fn ends_by_unwinding(&self) -> bool {
        false
    }

    #[inline]
    fn end(mut self, end: End<'_>) {
        if let End::Dropped = end {
            let deadline = self.deadline.map(Deadline::moment);
            return self.permit.give_up(self.pending.is_none(), deadline);
        }
        let was_counted = self.stream == Stream::COUNTED;
        if self.permit.is_settled() && !was_counted {
            return;
        }
        let own = self.permit.policy().classify.as_ref();
        let own = own.and_then(|classify| contained(|| classify.end(&end)).flatten());
        let outcome = own.unwrap_or_else(|| match (self.pending, &end) {
            (Some(pending), end) => pending.outcome(end),
            (None, End::Error(_) | End::Panicked) => Outcome::Failure,
            (None, _) => Outcome::Ignored,
        });
        let hint = match &end {
            End::Trailers(trailers)
                if matches!(outcome, Outcome::Failure | Outcome::RateLimited(_)) =>
            {
                hint(trailers)
            }
            _ => None,
        };
        if was_counted {
            if outcome != Outcome::Failure {
                return;
            }
            // It has succeeded, and failed in the end: both are true.
            self.permit.unsettle();
        }
        let now = Instant::now();
        // Without a head, this is where the wait for it ended.
        if self.pending.is_none() || self.permit.policy().slow_to_end {
            self.measure(now);
        }
        self.settle(outcome, hint, now);
    }
}
