//! RFC 9457 over HTTP.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, UPGRADE, WWW_AUTHENTICATE,
    },
};

use super::{Context, USUAL_HEADERS, insert_retry_after, truncated, uri};
use crate::{
    Problem,
    json::{self, Writer},
    problem::{Kind, Violation},
};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What a text of the handler's may add to an answer.
const MAX_DETAIL: usize = 8 * 1024;

pub(super) fn answer(problem: &Problem, head_only: bool, context: &Context<'_>) -> Response<Bytes> {
    let body = body(problem, context);
    let status = problem.0.status;
    let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
    headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    if must_not_be_stored(status) || context.error_id.is_some() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    insert_retry_after(&mut headers, problem);
    let mut response = if head_only {
        // RFC 9110 §9.3.2: the headers are those that the answer to a GET would have.
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Response::new(Bytes::new())
    } else {
        Response::new(body)
    };
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

pub(super) fn body(problem: &Problem, context: &Context<'_>) -> Bytes {
    json::write(|json| members(json, problem, context))
}

fn members(json: &mut Writer<'_>, problem: &Problem, context: &Context<'_>) {
    let inner = &*problem.0;
    json.raw("{");
    json.name("type");
    match inner.kind {
        Kind::Blank => json.raw("\"about:blank\""),
        Kind::Named(kind) => match kind.registered_uri() {
            Some(uri) => json.string(uri),
            None => json.strings([context.base, kind.name()]),
        },
    }
    json.member("title", problem.title());
    json.name("status");
    json.unsigned(inner.status.as_u16().into());
    if let Some(detail) = &inner.detail {
        json.member("detail", truncated(detail, MAX_DETAIL));
    }
    if let Some([start, path]) = context.instance() {
        json.name("instance");
        // What may stand in a URI may stand in JSON.
        json.plain_strings([start.as_bytes(), uri::path(path).as_bytes()]);
    }
    json.plain_member("code", problem.reason().as_bytes());
    if let Some(id) = context.request_id {
        json.plain_member("request_id", id.as_header_value().as_bytes());
    }
    if let Some(id) = context.trace_id {
        json.plain_member("trace_id", &id.to_digits());
    }
    if let Some(id) = context.error_id {
        json.plain_member("error_id", id.as_header_value().as_bytes());
    }
    list(json, "errors", &inner.violations, violation);
    list(json, "violated-policies", &inner.violated_policies, |json, name| json.string(name));
    for (name, value) in &inner.members {
        json.name(name);
        json.value(value);
    }
    if context.options.expose_internals
        && let Some(internal) = problem.internals()
    {
        json.member("internal", &internal);
    }
    json.raw("}");
}

/// RFC 9457 §3 shows this form: a detail, and a pointer as the fragment of a URI (RFC 6901 §6).
fn violation(json: &mut Writer<'_>, violation: &Violation) {
    json.raw("{");
    json.member("detail", &violation.detail);
    json.name("pointer");
    json.strings(["#", &uri::fragment(&violation.pointer)]);
    json.raw("}");
}

fn list<T>(
    json: &mut Writer<'_>,
    name: &str,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Writer<'_>, T),
) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return;
    }
    json.name(name);
    for (n, item) in items.enumerate() {
        json.raw(if n == 0 { "[" } else { "," });
        write(json, item);
    }
    json.raw("]");
}

/// RFC 6585 forbids to store 428, 429 and 431; the others depend on who asked, or on the moment.
fn must_not_be_stored(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 407 | 428 | 429 | 431 | 500..)
}

/// The headers without which an answer of this status breaks RFC 9110, where neither the problem
/// nor an earlier answer has them.
pub(super) fn insert_demanded(
    headers: &mut HeaderMap,
    status: StatusCode,
    earlier: Option<&HeaderMap>,
) {
    let mut demand = |name: HeaderName, value| {
        if earlier.is_none_or(|earlier| !earlier.contains_key(&name)) {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    };
    match status {
        // §15.5.2. A scheme must be named, and this is the one that callers of services use.
        StatusCode::UNAUTHORIZED => demand(WWW_AUTHENTICATE, "Bearer"),
        // §15.5.6, and §10.2.1: an empty list allows no method. A router that answered 405 may add
        // its list further out, so to such an answer nothing is added.
        StatusCode::METHOD_NOT_ALLOWED if earlier.is_none() => demand(ALLOW, ""),
        // §15.5.22. Services ask for an upgrade where they expect a WebSocket.
        StatusCode::UPGRADE_REQUIRED => {
            demand(UPGRADE, "websocket");
            demand(CONNECTION, "upgrade");
        }
        _ => {}
    }
}
