use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

use crate::{Breaker, State};

/// The states of a circuit, as they change: see [`Breaker::subscribe`].
///
/// It knows the state that is, and not each one that was: who looks away for long may find a
/// circuit open that has closed and opened again meanwhile. Every single change is for
/// [`on_event`](crate::BreakerBuilder::on_event).
#[must_use = "nobody hears of a change that is not waited for"]
pub struct Changes {
    waiter: Waiter,
    seen: (u32, State),
}

impl Changes {
    pub(crate) fn of(breaker: Breaker) -> Self {
        let seen = breaker.version();
        Self { waiter: Waiter::new(breaker), seen }
    }

    /// Waits until the circuit has changed since this was asked last, and says what it is then.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> State {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same, for who writes a future of its own.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<State> {
        // First on the list, then a look: else a change between the two is missed.
        if self.waiter.breaker.version() == self.seen {
            self.waiter.wait(cx);
        }
        let version = self.waiter.breaker.version();
        if version == self.seen {
            return Poll::Pending;
        }
        self.seen = version;
        Poll::Ready(version.1)
    }
}

/// Somebody who waits for a circuit to change, and is taken off its list when this is dropped.
pub(crate) struct Waiter {
    pub(crate) breaker: Breaker,
    number: Option<u64>,
}

impl Waiter {
    pub(crate) const fn new(breaker: Breaker) -> Self {
        Self { breaker, number: None }
    }

    /// Wakes this task at the next change.
    pub(crate) fn wait(&mut self, cx: &Context<'_>) {
        self.number = Some(self.breaker.circuit().wait(self.number, cx.waker()));
    }

    /// Nobody is to be woken any more.
    #[inline]
    pub(crate) fn leave(&mut self) {
        if let Some(number) = self.number {
            self.breaker.circuit().stop_waiting(number);
            self.number = None;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("breaker", &self.waiter.breaker).finish_non_exhaustive()
    }
}
