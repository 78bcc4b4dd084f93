//! What a limiter tells of its work.

use std::time::Duration;

use crate::{KeyTag, Quota, store::StoreError};

/// Something that a limiter did. That a request passed is counted, and not told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request was refused, or would have been if the policy were not in shadow mode.
    #[non_exhaustive]
    Refused {
        /// The policy.
        policy: &'a str,
        /// Whose bucket: its tag, not its name.
        key: KeyTag,
        /// How long until it would pass; never, if it costs more than the burst.
        retry_after: Option<Duration>,
        /// Why.
        reason: Reason,
        /// Whether the policy only looks on.
        shadow: bool,
    },
    /// A request had no key for a policy.
    #[non_exhaustive]
    Missing {
        /// The policy.
        policy: &'a str,
    },
    /// A request was refused because the store could not be asked.
    #[non_exhaustive]
    StoreFailed {
        /// Why.
        error: &'a StoreError,
    },
    /// A request was let pass without the store, by a policy that wants it so: see
    /// [`OnStoreError`](crate::OnStoreError). One that was refused for want of the store is
    /// [`StoreFailed`](Self::StoreFailed).
    #[non_exhaustive]
    Degraded {
        /// Why the store was not asked.
        error: &'a StoreError,
    },
    /// The quota of a policy was swapped.
    #[non_exhaustive]
    Swapped {
        /// The policy.
        policy: &'a str,
        /// The quota that holds from now on.
        quota: &'a Quota,
    },
}

/// Why a policy refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The bucket has not enough.
    Quota,
    /// Too many at a time.
    Concurrency,
    /// The key is shut out for not waiting.
    Penalty,
    /// The request has no key.
    Key,
    /// The store could not be asked.
    Store,
}

impl Reason {
    /// One word, for labels: `quota`, `concurrency`, `penalty`, `key`, `store`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Concurrency => "concurrency",
            Self::Penalty => "penalty",
            Self::Key => "key",
            Self::Store => "store",
        }
    }
}

/// Hears of the events of a limiter: a closure, `()` for nobody, a tuple of two.
///
/// It is called on the path of the request, outside of any lock, so it should be quick.
pub trait OnRateLimit: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

impl OnRateLimit for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<F> OnRateLimit for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<A: OnRateLimit, B: OnRateLimit> OnRateLimit for (A, B) {
    fn on_event(&self, event: &Event<'_>) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}
