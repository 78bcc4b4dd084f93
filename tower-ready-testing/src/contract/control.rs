//! The other end of the inner service: what it shall do, and what it noticed.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use http::request::Parts;

use super::body::{Copied, Step};

/// Clones are one control.
#[derive(Clone, Debug, Default)]
pub(super) struct Control(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// What `poll_ready` says.
    pub(super) readiness: Readiness,
    /// What a call comes to.
    pub(super) answer: Answer,
    /// What a call says, and each body at a pause, before it goes on.
    pub(super) pause: Pause,
    /// How often a call pauses.
    pub(super) pauses: usize,
    /// Who polled last of what waits: the service, a call or a body.
    pub(super) waiting: Option<Waker>,

    /// Instances that are ready and were neither called nor dropped, and calls that still run.
    pub(super) reserved: usize,
    /// Calls, ever.
    pub(super) calls: usize,
    /// Calls that are neither done nor dropped.
    pub(super) running: usize,
    /// Bodies of answers that are not dropped.
    pub(super) bodies: usize,
    /// The last request.
    pub(super) request: Option<(Parts, Vec<Copied>)>,
    /// Calls of an instance that was not ready.
    pub(super) unready_calls: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Readiness {
    #[default]
    Ready,
    Pending,
    Failing(u32),
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Response(Vec<Step>),
    Error(u32),
    Panic,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Pause {
    /// The task is woken at once.
    #[default]
    Brief,
    /// The task is woken by [`Control::wake`].
    UntilWoken,
}

/// Counts one thing in the state while it lives.
#[derive(Debug)]
pub(super) struct Counted {
    control: Control,
    count: fn(&mut State) -> &mut usize,
}

// === impl Control ===

impl Control {
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        // A panic of the inner service is part of the tests and leaves nothing half done.
        look(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(super) fn answer(&self, answer: Answer) {
        self.with(|state| state.answer = answer);
    }

    pub(super) fn readiness(&self, readiness: Readiness) {
        self.with(|state| state.readiness = readiness);
    }

    /// Each call pauses that often, until [`wake`](Self::wake) or briefly.
    pub(super) fn pauses(&self, pauses: usize, pause: Pause) {
        self.with(|state| (state.pauses, state.pause) = (pauses, pause));
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.with(|state| state.waiting.take()) {
            waker.wake();
        }
    }

    pub(super) fn count(&self, count: fn(&mut State) -> &mut usize) -> Counted {
        self.with(|state| *count(state) += 1);
        Counted { control: self.clone(), count }
    }

    pub(super) fn poll_ready(&self, context: &Context<'_>) -> Poll<Result<(), u32>> {
        self.with(|state| match state.readiness {
            Readiness::Ready => Poll::Ready(Ok(())),
            Readiness::Failing(number) => Poll::Ready(Err(number)),
            Readiness::Pending => {
                state.wait(context);
                Poll::Pending
            }
        })
    }

    pub(super) fn pause(&self, context: &Context<'_>) {
        self.with(|state| match state.pause {
            Pause::Brief => context.waker().wake_by_ref(),
            Pause::UntilWoken => state.wait(context),
        });
    }
}

// === impl State ===

impl State {
    /// Only whoever polled last is woken, as the contract of a future has it.
    fn wait(&mut self, context: &Context<'_>) {
        self.waiting = Some(context.waker().clone());
    }
}

// === impl Answer ===

impl Default for Answer {
    fn default() -> Self {
        Self::Response(vec![Step::Data("answer")])
    }
}

// === impl Counted ===

impl Drop for Counted {
    fn drop(&mut self) {
        self.control.with(|state| *(self.count)(state) -= 1);
    }
}
