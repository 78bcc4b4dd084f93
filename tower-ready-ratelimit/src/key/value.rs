//! Keys that read one value of a request.

use std::{any::type_name, fmt, marker::PhantomData};

use http::HeaderName;

use super::{Found, Key, KeyBuf};
use crate::Head;

/// One bucket for all: see [`global`].
#[derive(Clone, Copy, Debug)]
pub struct Global(());

/// The value of a header: see [`header`].
#[derive(Clone, Debug)]
pub struct Header(HeaderName);

/// The route: see [`route`].
#[derive(Clone, Copy, Debug)]
pub struct RouteKey(());

/// A value in the extensions: see [`extension`].
pub struct Extension<T, F> {
    read: F,
    marker: PhantomData<fn(&T)>,
}

/// One bucket for all requests together.
#[must_use]
pub const fn global() -> Global {
    Global(())
}

/// One bucket for each value of a header, such as an API key.
///
/// Only a hash is kept. A request with two of them has none: whoever reads the other one would
/// otherwise count nothing.
#[must_use]
pub const fn header(name: HeaderName) -> Header {
    Header(name)
}

/// One bucket for each route, by the name that [`tower_ready_core::Route`] has for it.
#[must_use]
pub const fn route() -> RouteKey {
    RouteKey(())
}

/// One bucket for each value that another layer left in the extensions: a principal, a tenant.
///
/// ```
/// use tower_ready_ratelimit::key;
///
/// #[derive(Clone)]
/// struct Principal { id: String }
///
/// let key = key::extension(|principal: &Principal| principal.id.as_str());
/// ```
pub const fn extension<T, F>(read: F) -> Extension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> &str + Send + Sync + 'static,
{
    Extension { read, marker: PhantomData }
}

// === impl Key ===

impl Key for Global {
    fn write(&self, _: &Head<'_>, _: &mut KeyBuf) -> Found {
        Found::Key
    }
}

impl Key for Header {
    fn write(&self, head: &Head<'_>, key: &mut KeyBuf) -> Found {
        let headers = head.headers();
        // In a map with as many values as names nobody came twice.
        let (first, second) = if headers.len() == headers.keys_len() {
            (headers.get(&self.0), None)
        } else {
            let mut values = headers.get_all(&self.0).iter();
            (values.next(), values.next())
        };
        match (first, second) {
            (Some(value), None) => {
                key.put(value.as_bytes());
                Found::Key
            }
            _ => Found::Missing,
        }
    }
}

impl Key for RouteKey {
    fn write(&self, head: &Head<'_>, key: &mut KeyBuf) -> Found {
        match head.route() {
            Some(route) => {
                key.put(route.as_str().as_bytes());
                Found::Key
            }
            None => Found::Missing,
        }
    }
}

impl<T, F> Key for Extension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> &str + Send + Sync + 'static,
{
    fn write(&self, head: &Head<'_>, key: &mut KeyBuf) -> Found {
        match head.extensions().get::<T>() {
            Some(value) => {
                key.put((self.read)(value).as_bytes());
                Found::Key
            }
            None => Found::Missing,
        }
    }
}

/// One bucket for whatever a closure writes.
impl<F> Key for F
where
    F: Fn(&Head<'_>, &mut KeyBuf) -> Found + Send + Sync + 'static,
{
    fn write(&self, head: &Head<'_>, key: &mut KeyBuf) -> Found {
        self(head, key)
    }
}

// === the rest ===

impl<T, F: Clone> Clone for Extension<T, F> {
    fn clone(&self) -> Self {
        Self { read: self.read.clone(), marker: PhantomData }
    }
}

impl<T, F> fmt::Debug for Extension<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension<{}>(..)", type_name::<T>())
    }
}
