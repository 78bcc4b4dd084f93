//! How the services that reject at once stand to their circuit.

use std::task::{Context, Poll};

use crate::{Breaker, Permit, Rejected, changes::Waiter};

/// Says whether a service is ready, and whether its next call may be made.
pub(crate) struct Door {
    waiter: Waiter,
    /// The circuit let nothing through when it was asked whether the service is ready.
    is_shut: bool,
}

impl Door {
    pub(crate) const fn new(breaker: Breaker) -> Self {
        Self { waiter: Waiter::new(breaker), is_shut: false }
    }

    pub(crate) const fn breaker(&self) -> &Breaker {
        &self.waiter.breaker
    }

    /// Ready when the inner service is, and at once when the circuit lets nothing through: then
    /// that is not even asked.
    #[inline]
    pub(crate) fn poll_ready<E>(
        &mut self,
        cx: &mut Context<'_>,
        poll_inner: impl FnOnce(&mut Context<'_>) -> Poll<Result<(), E>>,
    ) -> Poll<Result<(), E>> {
        self.is_shut = !self.breaker().lets_pass();
        if !self.is_shut {
            let polled = poll_inner(cx);
            if polled.is_pending() {
                return self.wait(cx);
            }
            if let Poll::Ready(Err(error)) = polled {
                self.breaker().fail_unready();
                return Poll::Ready(Err(error));
            }
        }
        self.waiter.leave();
        Poll::Ready(Ok(()))
    }

    /// The inner service may never get ready: a circuit that opens has to wake who waits for it.
    #[cold]
    fn wait<E>(&mut self, cx: &Context<'_>) -> Poll<Result<(), E>> {
        // First on the list, then another look: else an opening between the two is missed.
        self.waiter.wait(cx);
        self.is_shut = !self.breaker().lets_pass();
        if self.is_shut { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Asks for a call. One that was to be rejected is, even if the circuit could be tried by now:
    /// the inner service has not been asked whether it is ready.
    #[inline]
    pub(crate) fn admit(&self) -> Result<Permit, Rejected> {
        if self.is_shut { Err(self.breaker().refuse()) } else { self.breaker().admit() }
    }
}

/// Readiness is of one instance: a clone has yet to ask.
impl Clone for Door {
    fn clone(&self) -> Self {
        Self::new(self.breaker().clone())
    }
}
