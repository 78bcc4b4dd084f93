//! The timer of those that wait.

#[cfg(not(loom))]
pub(crate) use tokio::time::{Sleep, sleep};

/// Tokio does not compile under loom, which explores what has nothing to do with time.
#[cfg(loom)]
pub(crate) type Sleep = std::future::Pending<()>;

#[cfg(loom)]
pub(crate) fn sleep(_: std::time::Duration) -> Sleep {
    std::future::pending()
}
