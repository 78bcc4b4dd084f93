//! Whose bucket a request takes from.
//!
//! A key writes bytes into a buffer on the stack; only a keyed hash of them is stored. Parts of a
//! tuple stay apart, whatever they hold:
//!
//! ```
//! use http::header::HeaderName;
//! use tower_ready_ratelimit::{Policy, Quota, key};
//!
//! // One bucket for each tenant and route.
//! let tenant = key::header(HeaderName::from_static("x-tenant"));
//! let policy = Policy::new("tenant", Quota::per_minute(600)).key((tenant, key::route()));
//! ```

mod address;
mod buf;
mod cidr;
mod forwarded;
mod tuple;
mod value;

pub use self::{
    address::Address,
    buf::KeyBuf,
    cidr::{Cidr, CidrError},
    value::{Extension, Global, Header, RouteKey, extension, global, header, route},
};
use crate::{Head, error::ConfigErrorKind};

/// Finds the key of a request.
///
/// A closure is one, and a tuple of keys is one of several parts:
///
/// ```
/// use tower_ready_ratelimit::{Head, Policy, Quota, key::{Found, KeyBuf}};
///
/// let by_method = |head: &Head<'_>, key: &mut KeyBuf| {
///     key.put(head.method().as_str().as_bytes());
///     Found::Key
/// };
/// let policy = Policy::new("method", Quota::per_second(100)).key(by_method);
/// ```
pub trait Key: Send + Sync + 'static {
    /// Writes the key of a request, or says that there is none.
    fn write(&self, head: &Head<'_>, key: &mut KeyBuf) -> Found;

    /// Checks its settings when a limiter is built. Default: nothing to check.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    fn check(&self) -> Result<(), ConfigErrorKind> {
        Ok(())
    }
}

/// What a key made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a key that is missing has to be answered"]
#[expect(clippy::exhaustive_enums, reason = "a request has a key, lacks one, or needs none")]
pub enum Found {
    /// The key is written.
    Key,
    /// The request has no such key: the policy says what becomes of it.
    Missing,
    /// The policy does not apply to this request.
    Exempt,
}
