//! What a lifecycle tells of its work.

use std::{fmt, time::Duration};

use crate::{Ended, Phase, Report};

/// Something that happened in the life of a process.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A phase began.
    #[non_exhaustive]
    Phase {
        /// The one before.
        from: Phase,
        /// The one that began.
        to: Phase,
        /// Who asked for the end, from `Draining` on.
        cause: Option<Cause>,
    },
    /// What a [gate](crate::Lifecycle::wait_for) waits for is not there yet; it is tried again.
    #[non_exhaustive]
    GateWaits {
        /// The gate.
        name: &'a str,
        /// How often it was tried.
        attempt: u32,
        /// What was wrong.
        error: &'a str,
    },
    /// A gate was dropped without being opened, so that the process will never be ready.
    #[non_exhaustive]
    GateLost {
        /// The gate.
        name: &'a str,
    },
    /// Every five seconds of an end: what is waited for.
    #[non_exhaustive]
    Waiting {
        /// The phase.
        phase: Phase,
        /// How many requests are in flight.
        in_flight: usize,
        /// How many connections are open.
        connections: usize,
        /// The task or hook that is waited for.
        name: Option<&'a str>,
        /// What is left of the whole.
        left: Duration,
    },
    /// A task or a hook is over.
    #[non_exhaustive]
    Ended {
        /// Which, and how.
        ended: &'a Ended,
    },
    /// All is over.
    #[non_exhaustive]
    Over {
        /// How it went.
        report: &'a Report,
    },
}

/// Who asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A call of [`drain`](crate::Lifecycle::drain).
    Asked,
    /// A signal, by its name: `SIGTERM`, `SIGINT`, `SIGQUIT`.
    Signal(&'static str),
    /// The server ended by itself.
    ServerEnded,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked",
            Self::Signal(name) => name,
            Self::ServerEnded => "the server ended",
        })
    }
}

/// Hears of the events of a lifecycle: a closure, `()` for nobody, a tuple of two.
///
/// It is called outside of any lock, and never on the path of a request.
pub trait OnLifecycle: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

impl OnLifecycle for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<F> OnLifecycle for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

impl OnLifecycle for Box<dyn OnLifecycle> {
    fn on_event(&self, event: &Event<'_>) {
        (**self).on_event(event);
    }
}

impl<A: OnLifecycle, B: OnLifecycle> OnLifecycle for (A, B) {
    fn on_event(&self, event: &Event<'_>) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}
