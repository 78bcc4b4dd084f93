//! Work that ends in time.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tower_ready_core::{Deadline, Instant};

use crate::{Reason, current, timer::Timer};

/// What a handler does with the [`Deadline`] of its request.
///
/// ```
/// use std::time::Duration;
///
/// use tower_ready_core::{Deadline, Instant};
/// use tower_ready_deadline::DeadlineExt;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let deadline = Deadline::at(Instant::now() + Duration::from_millis(50));
/// assert_eq!(deadline.run(async { "an order" }).await.unwrap(), "an order");
///
/// let query = std::future::pending::<()>();
/// let expired = deadline.run(query).await.unwrap_err();
/// assert_eq!(expired.to_string(), "the deadline has passed");
/// assert!(deadline.is_over());
/// # });
/// ```
pub trait DeadlineExt: Copy + private::Sealed {
    /// What is left of it now: zero when it has passed.
    fn left(self) -> Duration;

    /// Whether it has passed.
    fn is_over(self) -> bool;

    /// Drives a future until the deadline at most, and drops it then.
    ///
    /// Meanwhile this is the [`current`] deadline, unless that is earlier, so that a client inside
    /// of it passes it on.
    fn run<F: Future>(self, future: F) -> Run<F>;
}

impl DeadlineExt for Deadline {
    fn left(self) -> Duration {
        self.remaining(Instant::now())
    }

    fn is_over(self) -> bool {
        self.left().is_zero()
    }

    fn run<F: Future>(self, future: F) -> Run<F> {
        Run { future: Some(future), timer: Timer::unset(), deadline: self }
    }
}

mod private {
    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Sealed {}
    impl Sealed for tower_ready_core::Deadline {}
}

pin_project! {
    /// The future of [`DeadlineExt::run`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Run<F> {
        #[pin]
        future: Option<F>,
        #[pin]
        timer: Timer,
        deadline: Deadline,
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, Expired>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(future) = this.future.as_mut().as_pin_mut() {
            let earlier = current().map_or(*this.deadline, |outer| outer.min(*this.deadline));
            let entered = current::enter(earlier);
            let polled = future.poll(cx);
            drop(entered);
            if let Poll::Ready(output) = polled {
                return Poll::Ready(Ok(output));
            }
            if !this.timer.is_set() {
                this.timer.as_mut().set(this.deadline.left());
            }
            if this.timer.poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.future.set(None);
        }
        Poll::Ready(Err(Expired::new(Reason::Deadline)))
    }
}

impl<F> fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Time was up: what [`DeadlineExt::run`] and a body that was broken off fail with.
///
/// Its source is an [`io::Error`] of the kind `TimedOut`, which a `ProblemLayer` further out answers
/// as a timeout, so that `?` is enough in a handler.
pub struct Expired {
    reason: Reason,
    source: io::Error,
}

impl Expired {
    pub(crate) fn new(reason: Reason) -> Self {
        Self { reason, source: io::ErrorKind::TimedOut.into() }
    }

    /// What was over.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Reason::Idle => "the body was idle for too long",
            Reason::Deadline => "the deadline has passed",
        })
    }
}

impl fmt::Debug for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expired").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl Error for Expired {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
