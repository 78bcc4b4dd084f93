//! What a test asks of the handler behind the layer.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tonic::Code;

use crate::probe::proto::{Behaviour, Ending, Header};

/// One call: what the handler shall do, and the request that carries it.
///
/// The same value is understood on every host. Over HTTP it goes to `/probe/a?…` by GET, over gRPC
/// to the method `testing.v1.Probe/A`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Call {
    pub(crate) behaviour: Behaviour,
    pub(crate) target: Target,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One of three routes, or gRPC methods, that do the same.
///
/// With them a test tells state per route from state per server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests go through all of them")]
pub enum Route {
    /// `/probe/a` and `testing.v1.Probe/A`: where a call goes unless told otherwise.
    #[default]
    A,
    /// `/probe/b` and `testing.v1.Probe/B`.
    B,
    /// `/probe/c` and `testing.v1.Probe/C`.
    C,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Route(Route),
    Path(String),
}

// === impl Call ===

impl Call {
    /// Answers `ok`.
    pub fn ok() -> Self {
        Self {
            behaviour: Behaviour::default(),
            target: Target::Route(Route::A),
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Fails: over HTTP with `status` and a `text/plain` body, over gRPC with `code`, both
    /// with `message`.
    pub fn fail(status: StatusCode, code: impl Into<Code>, message: &str) -> Self {
        Self::ok().doing(|it| {
            it.fail = true;
            it.status = status.as_u16().into();
            it.code = code.into() as i32;
            it.message = message.to_owned();
        })
    }

    /// Panics with the text `do not show this: K-4711`, which no caller may ever read.
    pub fn panic() -> Self {
        Self::ok().doing(|it| it.panic = true)
    }

    /// Streams the texts `chunk 0`, `chunk 1`, … and ends; see the `then_…` methods for other ends.
    pub fn stream(chunks: u32) -> Self {
        Self::ok().doing(|it| it.chunks = Some(chunks))
    }

    /// Waits at the gate of the server before it does anything else; see
    /// [`Probe::release`](crate::probe::Probe::release).
    pub fn gated(self) -> Self {
        self.doing(|it| it.gated = true)
    }

    /// The stream breaks off with an error after its last chunk.
    pub fn then_break(self) -> Self {
        self.doing(|it| it.set_ending(Ending::Break))
    }

    /// The stream waits at the gate after its last chunk, then ends.
    pub fn then_wait(self) -> Self {
        self.doing(|it| it.set_ending(Ending::Wait))
    }

    /// The stream panics after its last chunk.
    pub fn then_panic(self) -> Self {
        self.doing(|it| it.set_ending(Ending::Panic))
    }

    /// The answer carries this header, over gRPC as metadata.
    pub fn answering_with(self, name: &str, value: &str) -> Self {
        let header = Header { name: name.to_owned(), value: value.to_owned() };
        self.doing(|it| it.headers.push(header))
    }

    /// Goes to this route, or gRPC method. Streams have a method of their own over gRPC, so there
    /// the route makes no difference to them.
    pub fn on(mut self, route: Route) -> Self {
        self.target = Target::Route(route);
        self
    }

    /// Goes to this path. Over HTTP every path below `/probe/` answers and `/probe/items/{id}` is
    /// a template, over gRPC only the methods do.
    pub fn at(mut self, path: &str) -> Self {
        self.target = Target::Path(path.to_owned());
        self
    }

    /// Adds a request header, over gRPC as metadata.
    ///
    /// # Panics
    ///
    /// When the name or the value is not a valid header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.append(name, value);
        self
    }

    /// Uses this HTTP method; over gRPC it is POST whatever is said here. Default: GET.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sends this body by POST; over gRPC the body is always the call itself.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.method(Method::POST)
    }

    fn doing(mut self, change: impl FnOnce(&mut Behaviour)) -> Self {
        change(&mut self.behaviour);
        self
    }
}

// === impl Route ===

impl Route {
    /// All three.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];
}
