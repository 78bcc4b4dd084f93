//! What hears of an exchange, and tells the circuit.

use http::{Request, Response};
use tower_ready_core::{Deadline, End, Guard, Instant, Outcome, Pending, Verdict};

use crate::{Answer, Permit, hint::hint};

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
}

impl Watch {
    #[inline]
    pub(crate) fn new<Q>(request: &Request<Q>, permit: Permit) -> Self {
        let deadline = Deadline::of(request.extensions());
        Self { permit, deadline, slow: false, pending: None }
    }

    fn measure(&mut self, now: Instant, at_end: bool) {
        if self.permit.policy().slow_to_end == at_end {
            self.slow = self.permit.is_slow(now);
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
            classify.head(&Answer {
                status: response.status(),
                headers: response.headers(),
                extensions: response.extensions(),
            })
        });
        let verdict = own.map_or_else(|| Verdict::of_head(response), Verdict::Known);
        let is_timed = self.permit.policy().live.slow() != 0 || self.permit.is_probe();
        match verdict {
            Verdict::Known(outcome) => {
                let now = Instant::now();
                self.measure(now, false);
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
                    self.measure(now, false);
                    self.permit.head_was_good(now);
                }
            }
        }
    }

    #[inline]
    fn end(mut self, end: End<'_>) {
        if let End::Dropped = end {
            let deadline = self.deadline.map(Deadline::moment);
            return self.permit.give_up(self.pending.is_none(), deadline);
        }
        if self.permit.is_settled() {
            return;
        }
        let own = self.permit.policy().classify.as_ref();
        let own = own.and_then(|classify| classify.end(&end));
        let outcome = own.unwrap_or_else(|| match (self.pending, &end) {
            (Some(pending), end) => pending.outcome(end),
            (None, End::Error(_) | End::Panicked) => Outcome::Failure,
            (None, _) => Outcome::Ignored,
        });
        let hint = match &end {
            End::Trailers(trailers) if outcome == Outcome::Failure => hint(trailers),
            _ => None,
        };
        let now = Instant::now();
        self.measure(now, true);
        self.settle(outcome, hint, now);
    }
}
