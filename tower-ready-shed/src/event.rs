//! What a bulkhead tells of its work.

use tower_ready_core::Protocol;

use crate::Priority;

/// Something that a bulkhead did. That a request was admitted is not told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request was turned away.
    #[non_exhaustive]
    Refused {
        /// Why.
        reason: Reason,
        /// How important it was.
        priority: Priority,
        /// What the caller speaks.
        protocol: Protocol,
        /// The path that was asked for, without its query.
        path: Option<&'a str>,
        /// The [partition](crate::Partitions) that it belongs to.
        partition: Option<&'a str>,
        /// How many are being served.
        in_flight: usize,
        /// How many may be.
        limit: usize,
    },
    /// An adaptive limit has moved.
    #[non_exhaustive]
    Adjusted {
        /// How many may be served from now on.
        limit: usize,
    },
}

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There was neither a slot nor room to wait.
    Full,
    /// It had waited for as long as it may, or as its deadline lets it.
    Waited,
    /// Its place in the queue went to somebody more important, or under overload to somebody newer.
    Evicted,
    /// The processors had too much to do.
    Cpu,
}

impl Reason {
    /// One word, for labels: `full`, `waited`, `evicted`, `cpu`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Waited => "waited",
            Self::Evicted => "evicted",
            Self::Cpu => "cpu",
        }
    }
}

/// Hears of the events of a bulkhead: a closure, `()` for nobody, a tuple of two.
///
/// It is called on the path of the request, outside of any lock, so it should be quick.
pub trait OnShed: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

impl OnShed for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<F> OnShed for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<A: OnShed, B: OnShed> OnShed for (A, B) {
    fn on_event(&self, event: &Event<'_>) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}
