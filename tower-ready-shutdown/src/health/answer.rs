//! A probe's question, and the answer over HTTP.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};
use tower_ready_core::Head;
use tower_ready_problem::{Caller, Problem};

use super::{
    Detail, Health, Status, accept::Format, body::ProbeBody, render::Page, report::Question,
};

type Predicate = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// Who is told how much.
#[derive(Clone)]
pub(super) struct Disclosure {
    pub(super) detail: Detail,
    pub(super) authorize: Option<Predicate>,
}

impl Disclosure {
    pub(super) const fn minimal() -> Self {
        Self { detail: Detail::Minimal, authorize: None }
    }

    fn of<B>(&self, request: &Request<B>) -> Detail {
        match &self.authorize {
            Some(authorize) if authorize(&Head::of(request)) => Detail::Full,
            _ => self.detail,
        }
    }
}

/// Answers a probe from what is known already: no dependency is asked, and nothing waits.
pub(super) fn answer<B>(
    health: &Health,
    question: Question,
    disclosure: &Disclosure,
    request: &Request<B>,
) -> Response<ProbeBody> {
    let method = request.method();
    if method != Method::GET && method != Method::HEAD {
        let allow = HeaderValue::from_static("GET, HEAD");
        let problem = Problem::status(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, allow);
        return problem.answer(&Caller::of(request)).map(ProbeBody::full);
    }
    let detail = disclosure.of(request);
    let format = Format::accepted(request.headers());
    let query = Query::of(request.uri().query().unwrap_or_default());

    let mut status = health.status(question);
    let mut checks = Vec::new();
    if detail > Detail::Minimal
        && (query.is_verbose || query.check.is_some() || format != Format::Text)
    {
        checks = health.report(question);
    }
    if let Some(name) = query.check {
        checks.retain(|check| check.name == name);
        // To who may not see names, every name is unknown.
        let Some(check) = checks.first() else {
            return Problem::status(StatusCode::NOT_FOUND)
                .answer(&Caller::of(request))
                .map(ProbeBody::full);
        };
        status = check.status;
    }
    let page = Page { status, checks: &checks, detail, about: &health.0.about };
    respond(status, format, page.render(format), method == Method::HEAD)
}

fn respond(status: Status, format: Format, page: Bytes, is_head: bool) -> Response<ProbeBody> {
    let length = page.len();
    // Not every host leaves the body out for us.
    let body = ProbeBody::full(if is_head { Bytes::new() } else { page });
    let mut response = Response::new(body);
    if status == Status::Fail {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// `?verbose` and `?check=NAME`. Names need no escape in a query.
struct Query<'a> {
    is_verbose: bool,
    check: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn of(query: &'a str) -> Self {
        let mut found = Self { is_verbose: false, check: None };
        for pair in query.split('&') {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("verbose", value) => found.is_verbose = !matches!(value, "0" | "false"),
                ("check", name) => found.check = Some(name),
                _ => {}
            }
        }
        found
    }
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosure")
            .field("detail", &self.detail)
            .field("authorized", &self.authorize.is_some())
            .finish()
    }
}
