use std::fmt;

use crate::{Protocol, Route};
use http::{Extensions, HeaderMap, Method, Request, Uri};

/// What closures over a request may look at: everything of it but its body.
///
/// It borrows, where `http::request::Parts` would have to be moved out of the request and back, so
/// that closures over it fit every body and cost nothing.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> Head<'a> {
    /// The head of a request.
    #[must_use]
    #[inline]
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// The URI.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions, where other layers leave who calls.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The route that the request takes, if somebody has named it.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        Route::of(self.extensions)
    }

    /// The protocol that the request speaks.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        Protocol::detect(self.method, self.uri, self.headers)
    }
}

/// The headers and the query may hold secrets.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Codec;

    #[test]
    fn a_head_lends_the_parts_of_its_request() {
        let mut request = Request::post("/orders.v1.Orders/Get?secret=K-4711")
            .header("content-type", "application/grpc+proto")
            .body("a body of any type")
            .unwrap();
        request.extensions_mut().insert(Route::from_static("/get"));
        let head = Head::of(&request);
        assert_eq!(head.method(), Method::POST);
        assert_eq!(head.uri().path(), "/orders.v1.Orders/Get");
        assert!(head.headers().contains_key("content-type"));
        assert_eq!(head.route(), Some(Route::from_static("/get")));
        assert_eq!(head.extensions().get(), head.route().as_ref());
        assert_eq!(head.protocol(), Protocol::Grpc(Codec::Proto));
    }

    #[test]
    fn neither_headers_nor_the_query_are_shown() {
        let request = Request::get("/orders?secret=K-4711")
            .header("authorization", "Bearer K-4711")
            .body(())
            .unwrap();
        assert!(!format!("{:?}", Head::of(&request)).contains("K-4711"));
    }
}
