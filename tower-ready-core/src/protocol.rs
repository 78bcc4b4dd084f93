//! Which protocol a request speaks.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};

/// The protocol a request speaks, and so the form in which it understands an answer.
///
/// A bare `429` is a clear answer over HTTP, but a gRPC client reads it as `UNAVAILABLE`, which it
/// retries by default. So whoever answers on behalf of a service looks here first.
///
/// ```
/// use tower_ready_core::{Codec, Protocol};
///
/// let request = http::Request::post("/orders.v1.Orders/Get")
///     .header("content-type", "application/grpc+proto")
///     .body(())?;
/// assert_eq!(Protocol::of(&request), Protocol::Grpc(Codec::Proto));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Plain HTTP: everything that is none of the others.
    Http,
    /// gRPC over HTTP/2.
    Grpc(Codec),
    /// gRPC-Web with a binary body.
    GrpcWeb(Codec),
    /// gRPC-Web with a base64 body.
    GrpcWebText(Codec),
    /// A unary call of the Connect protocol, by `POST` or `GET`.
    Connect,
    /// A streaming call of the Connect protocol.
    ConnectStream(Codec),
}

/// How the messages of a call are encoded: the part of the content type after the `+`.
///
/// Some clients refuse an answer whose content type names another codec than they sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// The content type named none.
    Unnamed,
    /// Protocol buffers.
    Proto,
    /// JSON.
    Json,
    /// A codec of the user's own.
    Other,
}

impl Protocol {
    /// The header that tells a unary call of Connect from any other `POST`.
    pub const CONNECT_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

    /// The protocol of a request.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        Self::detect(request.method(), request.uri(), request.headers())
    }

    /// The protocol of a request whose parts are at hand.
    ///
    /// - Content types are compared without regard to case (RFC 9110 §8.3.1), and by whole words:
    ///   `application/grpcfoo` is not gRPC.
    /// - The gRPC forms and streams of Connect need `POST`.
    /// - A unary call of Connect is a `POST` with a `connect-protocol-version` header, or a `GET`
    ///   with `connect=v1` in its query.
    #[must_use]
    pub fn detect(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let content_type = if method == Method::POST { headers.get(CONTENT_TYPE) } else { None };
        let Some(content_type) = content_type else {
            return Self::of_parts(method, uri, None, false);
        };
        if let Some(protocol) = Self::of_content_type(content_type.as_bytes()) {
            return protocol;
        }
        // A look-up would hash the long name, which costs more than a pass over the names.
        match headers.keys().any(|name| name == Self::CONNECT_VERSION) {
            true => Self::Connect,
            false => Self::Http,
        }
    }

    /// The protocol of a request whose headers somebody has looked through already: its first
    /// content type, and whether it has a header [`CONNECT_VERSION`](Self::CONNECT_VERSION).
    #[must_use]
    #[inline]
    pub fn of_parts(
        method: &Method,
        uri: &Uri,
        content_type: Option<&HeaderValue>,
        connect: bool,
    ) -> Self {
        if method == Method::POST {
            match content_type.map(|value| Self::of_content_type(value.as_bytes())) {
                Some(Some(protocol)) => protocol,
                Some(None) if connect => Self::Connect,
                _ => Self::Http,
            }
        } else if method == Method::GET && uri.query().is_some_and(is_connect_query) {
            Self::Connect
        } else {
            Self::Http
        }
    }

    /// The protocol that a content type names all by itself.
    pub(crate) fn of_content_type(content_type: &[u8]) -> Option<Self> {
        let Some(rest) = strip_prefix(content_type, b"application/grpc") else {
            let codec = strip_prefix(content_type, b"application/connect+")?;
            return Some(Self::ConnectStream(Codec::named(codec)));
        };
        let Some(rest) = strip_prefix(rest, b"-web") else {
            return Codec::after(rest).map(Self::Grpc);
        };
        match strip_prefix(rest, b"-text") {
            Some(rest) => Codec::after(rest).map(Self::GrpcWebText),
            None => Codec::after(rest).map(Self::GrpcWeb),
        }
    }

    /// Whether a content type begins as those of gRPC and gRPC-Web do.
    #[inline]
    pub(crate) fn may_be_grpc(content_type: &[u8]) -> bool {
        strip_prefix(content_type, b"application/grpc").is_some()
    }

    /// Whether the answer's status is a gRPC code: true for every protocol but plain HTTP.
    #[must_use]
    pub const fn has_grpc_codes(self) -> bool {
        !matches!(self, Self::Http)
    }

    /// Whether this is gRPC itself, whose status may come in HTTP trailers.
    #[must_use]
    pub const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc(_))
    }
}

impl Codec {
    /// The codec that follows a complete protocol name, or none if the name goes on.
    fn after(rest: &[u8]) -> Option<Self> {
        match rest {
            [b'+', codec @ ..] => Some(Self::named(codec)),
            rest => is_over(rest).then_some(Self::Unnamed),
        }
    }

    fn named(codec: &[u8]) -> Self {
        if strip_prefix(codec, b"proto").is_some_and(is_over) {
            Self::Proto
        } else if strip_prefix(codec, b"json").is_some_and(is_over) {
            Self::Json
        } else if is_over(codec) {
            Self::Unnamed
        } else {
            Self::Other
        }
    }
}

/// Whether the media type ends here; parameters may follow.
const fn is_over(rest: &[u8]) -> bool {
    matches!(rest, [] | [b';' | b' ' | b'\t', ..])
}

/// What follows a prefix of lower case, in whatever case it comes.
///
/// The bit that makes letters small changes no other character that a header can hold into one of
/// the prefix, and over a length known at compile time it is set in a few instructions.
#[inline]
fn strip_prefix<'a, const N: usize>(bytes: &'a [u8], prefix: &[u8; N]) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    let differ = |differ, (byte, small): (&u8, &u8)| differ | (byte | 0x20) ^ small;
    (head.iter().zip(prefix).fold(0, differ) == 0).then_some(rest)
}

fn is_connect_query(query: &str) -> bool {
    const PAIR: &[u8] = b"connect=v1";
    let query = query.as_bytes();
    let starts = |at: usize| at == 0 || query[at - 1] == b'&';
    let ends = |at: usize| matches!(query.get(at + PAIR.len()), None | Some(b'&'));
    // No iterator over the pairs: most queries have nothing but a byte here and there in common.
    (0..(query.len() + 1).saturating_sub(PAIR.len()))
        .any(|at| query[at] == b'c' && starts(at) && query[at..].starts_with(PAIR) && ends(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(content_type: &str) -> Protocol {
        let request = Request::post("/a.B/C").header(CONTENT_TYPE, content_type);
        Protocol::of(&request.body(()).unwrap())
    }

    #[test]
    fn content_types_name_the_protocol_by_whole_words() {
        for (content_type, protocol) in [
            ("application/grpc", Protocol::Grpc(Codec::Unnamed)),
            ("Application/GRPC", Protocol::Grpc(Codec::Unnamed)),
            ("application/grpc;charset=utf-8", Protocol::Grpc(Codec::Unnamed)),
            ("application/grpc ; x", Protocol::Grpc(Codec::Unnamed)),
            ("application/grpc+proto", Protocol::Grpc(Codec::Proto)),
            ("application/grpc+JSON; x=y", Protocol::Grpc(Codec::Json)),
            ("application/grpc+thrift", Protocol::Grpc(Codec::Other)),
            ("application/grpc+", Protocol::Grpc(Codec::Unnamed)),
            ("application/grpc-web", Protocol::GrpcWeb(Codec::Unnamed)),
            ("application/grpc-web+proto", Protocol::GrpcWeb(Codec::Proto)),
            ("application/grpc-web-text", Protocol::GrpcWebText(Codec::Unnamed)),
            ("application/grpc-web-text+proto", Protocol::GrpcWebText(Codec::Proto)),
            ("application/connect+json", Protocol::ConnectStream(Codec::Json)),
            ("application/connect+proto", Protocol::ConnectStream(Codec::Proto)),
            ("application/grpcfoo", Protocol::Http),
            ("application/grpc-webfoo", Protocol::Http),
            ("application/grpc-web-textual", Protocol::Http),
            ("application/gRP", Protocol::Http),
            ("application/connect", Protocol::Http),
            ("application/json", Protocol::Http),
            ("text/plain", Protocol::Http),
            ("", Protocol::Http),
        ] {
            assert_eq!(post(content_type), protocol, "{content_type:?}");
        }
    }

    #[test]
    fn the_grpc_forms_need_post() {
        for content_type in ["application/grpc", "application/grpc-web", "application/connect+json"]
        {
            let request = Request::get("/a.B/C").header(CONTENT_TYPE, content_type);
            assert_eq!(Protocol::of(&request.body(()).unwrap()), Protocol::Http);
        }
    }

    #[test]
    fn a_unary_connect_call_says_so_in_a_header_or_in_its_query() {
        let call = Request::post("/a.B/C")
            .header(CONTENT_TYPE, "application/json")
            .header("connect-protocol-version", "1");
        assert_eq!(Protocol::of(&call.body(()).unwrap()), Protocol::Connect);

        for (query, protocol) in [
            ("connect=v1", Protocol::Connect),
            ("message=e30&connect=v1&encoding=json", Protocol::Connect),
            ("connect=v10", Protocol::Http),
            ("disconnect=v1", Protocol::Http),
            ("", Protocol::Http),
        ] {
            let call = Request::get(format!("/a.B/C?{query}")).body(()).unwrap();
            assert_eq!(Protocol::of(&call), protocol, "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_content_types_are_just_http_or_better(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let request = Request::post("/").header(CONTENT_TYPE, value).body(()).unwrap();
                let _ = Protocol::of(&request);
            }
        }
    }
}
