//! What the handler saw of a request.

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Uri, request::Parts};

/// A request as the handler saw it, after the layer: what the layer added is in here.
#[derive(Clone, Debug)]
pub struct Seen {
    parts: Parts,
    body: Bytes,
}

// === impl Seen ===

impl Seen {
    pub(super) const fn new(parts: Parts, body: Bytes) -> Self {
        Self { parts, body }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The path with the query.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// All headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// All extensions.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// The extension of type `T`, if there is one.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.parts.extensions.get()
    }

    /// The body; empty over gRPC, where the body is the call itself.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}
