use http::{HeaderMap, HeaderValue, Method, Request, uri::PathAndQuery};
use tower_ready_core::{Protocol, RequestId, TraceId};

/// Who asked: what of a request an answer needs, when the request itself has gone on to the inner
/// service.
///
/// It keeps cheap clones alone, and checks the request id only when there is something to answer.
/// The trace is read at once: its sixteen bytes are less to carry than the header is.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(crate) protocol: Protocol,
    pub(crate) head_only: bool,
    path: Option<PathAndQuery>,
    request_id: Option<HeaderValue>,
    trace_id: Option<TraceId>,
}

impl Caller {
    /// The caller of this request.
    #[must_use]
    #[inline]
    pub fn of<B>(request: &Request<B>) -> Self {
        let [request_id, traceparent] = ids(request.headers());
        Self {
            protocol: Protocol::of(request),
            head_only: request.method() == Method::HEAD,
            path: request.uri().path_and_query().cloned(),
            request_id: request_id.cloned(),
            trace_id: traceparent.and_then(TraceId::from_value),
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
    pub const fn trace_id(&self) -> Option<TraceId> {
        self.trace_id
    }
}

/// What may be a request id and a trace: the value of the header, if there is one such header.
///
/// One pass over the names costs less than two look-ups, which hash theirs.
fn ids(headers: &HeaderMap) -> [Option<&HeaderValue>; 2] {
    let mut found = [(None, 0), (None, 0)];
    for (name, value) in headers {
        let place = if name == RequestId::HEADER {
            &mut found[0]
        } else if name == TraceId::HEADER {
            &mut found[1]
        } else {
            continue;
        };
        *place = (Some(value), place.1 + 1);
    }
    found.map(|(value, count)| value.filter(|_| count == 1))
}
