use http::{Method, Request, Uri, uri::PathAndQuery};
use tower_ready_core::{Protocol, RequestId, TraceId};

/// Who asked: what of a request an answer needs, when the request itself has gone on to the inner
/// service.
///
/// It keeps cheap clones alone; ids are read and checked only when there is something to answer.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(crate) protocol: Protocol,
    pub(crate) head_only: bool,
    path: Option<PathAndQuery>,
    request_id: Option<RequestId>,
    trace_id: Option<TraceId>,
}

impl Caller {
    /// The caller of this request.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        Self {
            protocol: Protocol::of(request),
            head_only: request.method() == Method::HEAD,
            path: path(request.uri()),
            request_id: RequestId::of(headers),
            trace_id: TraceId::of(headers),
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
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// The trace of the request, if it has one.
    #[must_use]
    pub const fn trace_id(&self) -> Option<TraceId> {
        self.trace_id
    }
}

fn path(uri: &Uri) -> Option<PathAndQuery> {
    uri.path_and_query().cloned()
}
