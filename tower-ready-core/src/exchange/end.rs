use std::{any::Any, fmt};

use http::HeaderMap;

/// How an exchange ended.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a guard that forgets one of the ends is a defect")]
pub enum End<'a> {
    /// The body is complete, without trailers.
    Complete,
    /// The body is complete, with these trailers.
    Trailers(&'a HeaderMap),
    /// The service or the body failed with this error: use `downcast_ref` for the types you know.
    Error(&'a (dyn Any + 'static)),
    /// The future or the body was dropped before its end: the client went, a timeout struck.
    Dropped,
    /// The service or the body panicked, whether or not somebody catches that further out; or a layer
    /// around a server's did, whose panic its answer is lost with.
    Panicked,
}

impl fmt::Debug for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("Complete"),
            Self::Trailers(trailers) => f.debug_tuple("Trailers").field(trailers).finish(),
            Self::Error(_) => f.write_str("Error(..)"),
            Self::Dropped => f.write_str("Dropped"),
            Self::Panicked => f.write_str("Panicked"),
        }
    }
}
