use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_ready_core::{Instant, Outcome};

use crate::{Breaker, BreakerError, parked::Parked};

pin_project! {
    /// A call that a breaker guards: see [`Breaker::run`].
    ///
    /// The breaker is asked when it is first polled, so one that never is says nothing.
    #[must_use = "futures do nothing unless polled"]
    pub struct Run<F, J> {
        #[pin]
        call: F,
        breaker: Breaker,
        permit: Parked,
        judge: Option<J>,
    }
}

impl<F, J> Run<F, J> {
    pub(crate) const fn new(breaker: Breaker, call: F, judge: J) -> Self {
        Self { call, breaker, permit: Parked::none(), judge: Some(judge) }
    }
}

impl<F, J, T, E> Future for Run<F, J>
where
    F: Future<Output = Result<T, E>>,
    J: FnOnce(&Result<T, E>) -> Outcome,
{
    type Output = Result<T, BreakerError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Out of the future while that is polled: a panic drops it at once, and who catches the
        // panic further out cannot make it look like a call that was given up.
        let mut permit = match this.permit.take() {
            Some(permit) => permit,
            None => match this.breaker.admit() {
                Ok(permit) => permit,
                Err(rejected) => return Poll::Ready(Err(BreakerError::Rejected(rejected))),
            },
        };
        let Poll::Ready(result) = this.call.poll(cx) else {
            this.permit.park(permit);
            return Poll::Pending;
        };
        #[expect(clippy::expect_used, reason = "the contract of `Future`")]
        let judge = this.judge.take().expect("`Run` polled after completion");
        let now = Instant::now();
        let slow = permit.is_slow(now);
        permit.settle(judge(&result), slow, None, now);
        Poll::Ready(result.map_err(BreakerError::Inner))
    }
}

impl<F, J> fmt::Debug for Run<F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}
