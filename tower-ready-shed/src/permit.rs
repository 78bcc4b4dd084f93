use std::{fmt, sync::Arc};

use http::Response;
use tower_ready_core::{End, Guard, Instant, Outcome, Verdict};

use crate::bulkhead::Inner;

/// A slot, which is given back when this is dropped, whatever the reason.
pub(crate) struct Permit(Arc<Inner>);

/// What an exchange holds to its end: a slot, unless it needs none.
#[derive(Debug)]
pub(crate) struct Slot {
    permit: Option<Permit>,
    /// Until the head of the answer is there, if somebody learns from how long that takes.
    began: Option<Instant>,
}

impl Permit {
    /// Of a slot that was taken.
    #[inline]
    pub(crate) const fn new(bulkhead: Arc<Inner>) -> Self {
        Self(bulkhead)
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.0.gate.give_back();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl Slot {
    #[inline]
    pub(crate) fn of(permit: Permit) -> Self {
        let learns = permit.0.learner.is_some();
        Self { permit: Some(permit), began: learns.then(Instant::now) }
    }

    pub(crate) const fn none() -> Self {
        Self { permit: None, began: None }
    }
}

/// However an exchange ends, its slot is free then.
impl Guard for Slot {
    #[inline]
    fn head<B>(&mut self, response: &mut Response<B>) {
        if let (Some(began), Some(Permit(bulkhead))) = (self.began.take(), &self.permit)
            && is_telling(response)
        {
            bulkhead.learn(began, Instant::now());
        }
    }

    #[inline]
    fn end(self, _: End<'_>) {
        if let (Some(began), Some(Permit(bulkhead))) = (self.began, &self.permit) {
            bulkhead.learn_of_abandoned(began, Instant::now());
        }
    }
}

/// How long a failure or somebody else's refusal takes says nothing about how long work does.
fn is_telling<B>(response: &Response<B>) -> bool {
    match Verdict::of_head(response) {
        Verdict::Known(outcome) => outcome == Outcome::Success,
        Verdict::AtEnd(_) => true,
    }
}
