use std::fmt;

use tower_ready_core::Head;

/// Whether what callers say of traces and ids is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller is believed, or it is not")]
pub enum Edge {
    /// Callers are our own: their traces go on, whether they are sampled is for them to say, and
    /// their request ids are kept.
    Trusted,
    /// Anybody may call: each request starts a trace of its own, which is linked to the caller's, is
    /// sampled by our own rule, and has a request id of our own. Else a stranger could make us record
    /// everything, and name its requests as it likes.
    #[default]
    Untrusted,
}

type Condition = Box<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// An edge for all requests, or one that depends on the request.
#[derive(Default)]
pub(super) struct Trust {
    pub(super) edge: Edge,
    pub(super) condition: Option<Condition>,
}

impl Trust {
    pub(super) fn believes(&self, head: &Head<'_>) -> bool {
        match &self.condition {
            Some(condition) => condition(head),
            None => self.edge == Edge::Trusted,
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition {
            Some(_) => f.write_str("by a condition"),
            None => self.edge.fmt(f),
        }
    }
}
