use http::{HeaderMap, HeaderValue, Method, Request, header::CONTENT_TYPE, uri::PathAndQuery};
use tower_ready_core::{Protocol, RequestId, TraceId};

/// Who asked: what of a request an answer needs, when the request itself has gone on to the inner
/// service.
///
/// It keeps cheap clones and copies alone, and reads them only when there is something to answer.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(crate) protocol: Protocol,
    pub(crate) head_only: bool,
    path: Option<PathAndQuery>,
    request_id: Option<HeaderValue>,
    trace: Option<[u8; TraceId::PARENT_LEN]>,
}

impl Caller {
    /// The caller of this request.
    // Inlined for certain, so that it is built where it is to lie: it is a hundred bytes and more.
    #[must_use]
    #[inline(always)]
    pub fn of<B>(request: &Request<B>) -> Self {
        let named = Named::among(request.headers());
        let (method, uri) = (request.method(), request.uri());
        Self {
            protocol: Protocol::of_parts(method, uri, named.content_type, named.connect),
            head_only: method == Method::HEAD,
            path: uri.path_and_query().cloned(),
            request_id: named.request_id.cloned(),
            trace: named.traceparent.and_then(TraceId::peek),
        }
    }

    /// The protocol that the caller speaks.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The path that was asked for, without its query, which may hold what is not for logs.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_ref().map(PathAndQuery::path)
    }

    /// The id of the request, if it has a well-formed one.
    #[must_use]
    pub fn request_id(&self) -> Option<RequestId> {
        self.request_id.as_ref().and_then(RequestId::from_value)
    }

    /// The trace of the request, if it has one.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.trace.as_ref().and_then(TraceId::parse)
    }
}

/// What is looked for among the headers of a request, found in one pass: that costs less than a
/// look-up of each, which would hash its name.
#[derive(Default)]
struct Named<'a> {
    content_type: Option<&'a HeaderValue>,
    connect: bool,
    request_id: Option<&'a HeaderValue>,
    traceparent: Option<&'a HeaderValue>,
}

impl<'a> Named<'a> {
    #[inline(never)]
    fn among(headers: &'a HeaderMap) -> Self {
        let mut named = Self::default();
        let [mut request_ids, mut traceparents] = [0; 2];
        for (name, value) in headers {
            if name == CONTENT_TYPE {
                named.content_type = named.content_type.or(Some(value));
            } else if name == RequestId::HEADER {
                named.request_id = Some(value);
                request_ids += 1;
            } else if name == TraceId::HEADER {
                named.traceparent = Some(value);
                traceparents += 1;
            } else if name == Protocol::CONNECT_VERSION {
                named.connect = true;
            }
        }
        // Of two, neither is known to be the one.
        named.request_id = named.request_id.filter(|_| request_ids == 1);
        named.traceparent = named.traceparent.filter(|_| traceparents == 1);
        named
    }
}
