use std::thread;

use bytes::Bytes;
use http::Response;

use super::End;

/// Watches one exchange: hears of its head, its data, and once of its end.
///
/// A guard starts in a [`GuardedFuture`](super::GuardedFuture) and moves into the
/// [`GuardedBody`](super::GuardedBody) with the head. It is a plain value: nothing is boxed.
pub trait Guard {
    /// The answer was asked for and is not there yet; may be told any number of times.
    ///
    /// An exchange that is cut short before its head has waited since the first of these, which
    /// spares answers that come at once a look at the clock.
    fn pending(&mut self) {}

    /// The head of the answer has arrived, and may be amended.
    fn head<B>(&mut self, response: &mut Response<B>) {
        let _ = response;
    }

    /// These bytes of the body have passed.
    fn data(&mut self, data: &Bytes) {
        let _ = data;
    }

    /// Whether a panic outside of what is guarded ends the exchange by [`End::Panicked`].
    ///
    /// It does for a server, whose answer is lost with a layer further out. A client's call is given
    /// up by whoever panics while they hold it, and the peer is not to blame.
    fn ends_by_unwinding(&self) -> bool {
        true
    }

    /// The exchange is over.
    fn end(self, end: End<'_>);
}

/// Holds a guard until it has heard of the end, which it does at the latest when this is dropped.
pub(super) struct Armed<G: Guard> {
    guard: Option<G>,
    /// How much of what was promised is to come. A drop after all of it means that it is complete.
    pub(super) left: u64,
}

/// More than ever comes, where nothing was promised.
const UNKNOWN: u64 = u64::MAX;

impl<G: Guard> Armed<G> {
    pub(super) const fn new(guard: G) -> Self {
        Self { guard: Some(guard), left: UNKNOWN }
    }

    /// Nobody waits for this end.
    pub(super) const fn none() -> Self {
        Self { guard: None, left: UNKNOWN }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.guard.is_none()
    }

    pub(super) fn as_mut(&mut self) -> Option<&mut G> {
        self.guard.as_mut()
    }

    #[inline]
    pub(super) fn end(&mut self, end: End<'_>) {
        if let Some(guard) = self.guard.take() {
            guard.end(end);
        }
    }

    /// Moves the guard on, so that dropping `self` means nothing any more.
    #[inline]
    pub(super) fn take(&mut self) -> Self {
        Self { guard: self.guard.take(), left: self.left }
    }

    /// Polls what is guarded.
    ///
    /// A panic is told at once. Were it left to `Drop`, a layer further out that catches the panic
    /// and drops the future in peace would make it look like a client that went away.
    #[inline]
    pub(super) fn poll<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let mut unwinding = OnUnwind { armed: self, returned: false };
        let polled = poll();
        unwinding.returned = true;
        polled
    }
}

impl<G: Guard> Drop for Armed<G> {
    fn drop(&mut self) {
        if let Some(guard) = &self.guard {
            let end = match self.left {
                _ if thread::panicking() && guard.ends_by_unwinding() => End::Panicked,
                0 => End::Complete,
                _ => End::Dropped,
            };
            self.end(end);
        }
    }
}

/// The guard of a call that is about to be made. What is left of it when this is dropped has not got
/// a future: the call panicked.
pub(super) struct Calling<G: Guard>(pub(super) Armed<G>);

impl<G: Guard> Drop for Calling<G> {
    #[inline]
    fn drop(&mut self) {
        self.0.end(End::Panicked);
    }
}

struct OnUnwind<'a, G: Guard> {
    armed: &'a mut Armed<G>,
    returned: bool,
}

impl<G: Guard> Drop for OnUnwind<'_, G> {
    fn drop(&mut self) {
        if !self.returned {
            self.armed.end(End::Panicked);
        }
    }
}
