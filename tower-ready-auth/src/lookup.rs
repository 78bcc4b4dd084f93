use std::{error::Error, fmt, future::Future, pin::Pin};

use crate::{Reason, TokenError};

/// What a store has to say: at once, from memory, or later.
///
/// Only what comes later is boxed and waited for, so that a store in memory costs a request
/// nothing.
#[must_use = "a lookup has to be answered"]
#[expect(clippy::exhaustive_enums, reason = "it is there or it is to come")]
pub enum Lookup<T> {
    /// At once.
    Ready(T),
    /// Later.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

/// A store of keys or revocations that could not answer. Callers get a 503.
#[derive(Debug)]
pub struct StoreError(Box<dyn Error + Send + Sync>);

// === impl Lookup ===

impl<T> Lookup<T> {
    /// What this future will bring.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }

    /// Waits, if it has to.
    pub async fn wait(self) -> T {
        match self {
            Self::Ready(value) => value,
            Self::Later(future) => future.await,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lookup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(value) => f.debug_tuple("Ready").field(value).finish(),
            Self::Later(_) => f.write_str("Later(..)"),
        }
    }
}

// === impl StoreError ===

impl StoreError {
    /// What went wrong, for the log alone.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// Says what went wrong to those who run the service; its callers only learn that something did.
    pub(crate) fn log(&self) {
        #[cfg(feature = "tracing")]
        tracing::error!(target: "tower_ready_auth::store", error = %self.0, "a store is no help");
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        error.log();
        Reason::StoreUnavailable.into()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store did not answer: {}", self.0)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
