//! The error of the inner service, and how to recognise it outside.

use std::{convert::Infallible, error::Error, fmt};

/// The error of the inner service and of its bodies: each has a number of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct InnerError(u32);

/// An error in which the inner one can be found again.
///
/// It is known for the error itself, for boxed errors and for services that cannot fail; a layer
/// with an error type of its own needs an implementation in its tests.
pub trait Failure {
    /// The number of the inner error, if this is it.
    fn inner(&self) -> Option<u32>;
}

// === impl InnerError ===

impl InnerError {
    pub(super) const fn new(number: u32) -> Self {
        Self(number)
    }
}

impl Failure for InnerError {
    fn inner(&self) -> Option<u32> {
        Some(self.0)
    }
}

impl fmt::Display for InnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inner error {}", self.0)
    }
}

impl Error for InnerError {}

// === impl Failure for others ===

impl Failure for Infallible {
    fn inner(&self) -> Option<u32> {
        match *self {}
    }
}

impl Failure for Box<dyn Error + Send + Sync> {
    fn inner(&self) -> Option<u32> {
        self.downcast_ref::<InnerError>().map(|error| error.0)
    }
}
