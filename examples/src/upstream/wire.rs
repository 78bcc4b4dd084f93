//! What goes to the upstream of a request, and what comes back of its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, Request, Response, StatusCode, Uri,
    header::{
        CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
};
use http_body_util::Empty;
use hyper::body::Incoming;
use tower_ready_core::Deadline;
use tower_ready_problem::Problem;

use crate::http::{Body, full, stream_body};

/// What is between two neighbours, and ends here (RFC 9110 §7.6.1), and what speaks of limits that
/// are not ours.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

/// How much earlier a call ends than the request that it is made for.
const EARLIER: Duration = Duration::from_millis(5);

/// The call for a request that is being served. It has no credentials: those were for us. Who it is
/// for, and in which trace, the layers of the client know.
pub(super) fn request(
    base: &Uri,
    path: &str,
    head: &Parts,
) -> Result<Request<Empty<Bytes>>, Problem> {
    let bad = || Problem::status(StatusCode::BAD_REQUEST).detail("the path leads out of its base");
    if path.split('/').any(climbs) {
        return Err(bad());
    }
    let query = head.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let target = format!("{}/{path}{query}", base.path().trim_end_matches('/'));
    let mut uri = base.clone().into_parts();
    uri.path_and_query = Some(target.try_into().map_err(|_| bad())?);
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::from_parts(uri)?;
    // What remains of our caller's time, from which the layers of the client take theirs. A little
    // less, so that they have an end of their own before they are dropped with the request.
    if let Some(deadline) = Deadline::of(&head.extensions) {
        let deadline = Deadline::at(deadline.moment() - EARLIER);
        request.extensions_mut().insert(deadline);
    }
    Ok(request)
}

/// Whether a part of a path is `.` or `..`, in any spelling.
fn climbs(part: &str) -> bool {
    let plain = part.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

/// The answer, as one of ours. What an upstream says in an error is for us and not for our callers:
/// they are told the status, and the stack makes a problem of it.
pub(super) fn answer(answer: Response<Incoming>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    for name in named(&head.headers).into_iter().chain(HOP_BY_HOP) {
        head.headers.remove(name);
    }
    let body = if head.status.is_client_error() || head.status.is_server_error() {
        for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING] {
            head.headers.remove(name);
        }
        full(Bytes::new())
    } else {
        stream_body(body)
    };
    Response::from_parts(head, body)
}

/// The headers that `Connection` names.
fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    let lists = headers.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}
