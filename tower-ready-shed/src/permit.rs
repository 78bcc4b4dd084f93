use std::{fmt, sync::Arc};

use http::Response;
use tower_ready_core::{End, Guard, Instant, Verdict};

use crate::{admission::Inner, partition::Member};

/// A slot, which is given back when this is dropped, whatever the reason.
pub(crate) struct Permit {
    bulkhead: Arc<Inner>,
    member: Member,
}

/// What an exchange holds to its end: a slot, unless it needs none.
///
/// The futures and bodies of this crate carry it; there is nothing to call.
#[derive(Debug)]
pub struct Slot {
    permit: Option<Permit>,
    /// Until the head of the answer is there, if somebody learns from how long that takes.
    began: Option<Instant>,
}

impl Permit {
    /// Of a slot that was taken, by a member of this group.
    #[inline]
    pub(crate) fn new(bulkhead: Arc<Inner>, member: Member) -> Self {
        if let Some(groups) = &bulkhead.gate.groups {
            groups.enter(member);
        }
        Self { bulkhead, member }
    }

    /// The same, of a member whom its group knows already.
    pub(crate) const fn of_member(bulkhead: Arc<Inner>, member: Member) -> Self {
        Self { bulkhead, member }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Some(groups) = &self.bulkhead.gate.groups {
            groups.leave(self.member);
        }
        self.bulkhead.gate.give_back();
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
        let learns = permit.bulkhead.learner.is_some();
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
        if let (Some(began), Some(permit)) = (self.began.take(), &self.permit)
            && is_telling(response)
        {
            permit.bulkhead.learn(began, Instant::now());
        }
    }

    #[inline]
    fn end(self, _: End<'_>) {
        if let (Some(began), Some(permit)) = (self.began, &self.permit) {
            permit.bulkhead.learn_of_abandoned(began, Instant::now());
        }
    }
}

/// How long a failure, a refusal or a request that makes no sense takes says nothing about how long
/// work does: over gRPC those are whole in their heads.
fn is_telling<B>(response: &Response<B>) -> bool {
    let is_good = matches!(Verdict::of_head(response), Verdict::AtEnd(_));
    is_good && !response.status().is_client_error()
}
