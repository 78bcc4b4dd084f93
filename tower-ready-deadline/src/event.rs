//! What the layers tell of their work.

use tower_ready_core::Protocol;

/// Something that a layer did. That a request was answered in time is not told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Time was up, and the work was dropped.
    #[non_exhaustive]
    Expired {
        /// What was waited for.
        phase: Phase,
        /// What was over.
        reason: Reason,
        /// What the caller speaks.
        protocol: Protocol,
        /// The path that was asked for, without its query.
        path: Option<&'a str>,
    },
    /// Too little time was left to begin; nothing was done.
    #[non_exhaustive]
    Spent {
        /// What the caller speaks.
        protocol: Protocol,
        /// The path that was asked for, without its query.
        path: Option<&'a str>,
    },
    /// A header made no sense, or came twice. It counted for nothing.
    #[non_exhaustive]
    Junk {
        /// Its name.
        header: &'a str,
    },
}

/// What a layer waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The body of the request.
    Request,
    /// The head of the answer.
    Head,
    /// The rest of its body.
    Body,
}

/// What was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The time for the whole.
    Deadline,
    /// The time that a body may be silent.
    Idle,
}

impl Phase {
    /// One word, for labels: `request`, `head`, `body`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Head => "head",
            Self::Body => "body",
        }
    }
}

impl Reason {
    /// One word, for labels: `deadline`, `idle`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Idle => "idle",
        }
    }
}

/// Hears of the events of a policy: a closure, `()` for nobody, a tuple of two.
///
/// It is called on the path of the request, so it should be quick.
pub trait OnDeadline: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

impl OnDeadline for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<F> OnDeadline for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<A: OnDeadline, B: OnDeadline> OnDeadline for (A, B) {
    fn on_event(&self, event: &Event<'_>) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}
