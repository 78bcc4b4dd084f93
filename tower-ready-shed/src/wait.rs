use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    Priority, Reason,
    admission::Inner,
    gate::Left,
    line::{Place, State},
    partition::Member,
    permit::Permit,
    timer::{Sleep, sleep},
};

/// A call in the queue. Dropping it leaves the queue.
pub(crate) struct Wait {
    bulkhead: Arc<Inner>,
    place: Option<Place>,
    pub(crate) priority: Priority,
    pub(crate) member: Member,
    timer: Pin<Box<Sleep>>,
}

impl Wait {
    pub(crate) fn new(
        bulkhead: Arc<Inner>,
        place: Place,
        (priority, member): (Priority, Member),
        left: Option<Duration>,
    ) -> Self {
        let time = left.map_or(place.time, |left| left.min(place.time));
        Self { bulkhead, place: Some(place), priority, member, timer: Box::pin(sleep(time)) }
    }

    /// The slot, or why there is none.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit, Reason>> {
        let Some(place) = &self.place else {
            return Poll::Ready(Err(Reason::Waited));
        };
        let result = match self.bulkhead.gate.wait(place, cx.waker()) {
            State::Granted => Ok(self.permit()),
            State::Evicted => Err(Reason::Evicted),
            State::Waiting => {
                if self.timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                match self.bulkhead.gate.leave(place) {
                    // It came in the same moment.
                    Left::WithSlot => Ok(self.permit()),
                    Left::Line => Err(Reason::Waited),
                }
            }
        };
        self.place = None;
        Poll::Ready(result)
    }

    /// Of a slot that was granted, and counted for its group then.
    fn permit(&self) -> Permit {
        Permit::of_member(Arc::clone(&self.bulkhead), self.member)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else {
            return;
        };
        if self.bulkhead.gate.leave(&place) == Left::WithSlot {
            drop(self.permit());
        }
        self.bulkhead.counters.left();
    }
}
