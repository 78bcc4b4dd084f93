//! Problems and `tonic::Status`.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName};
use tonic::{Code as TonicCode, Status, metadata::MetadataMap};
use tower_ready_core::grpc::Code;

use crate::{Problem, ProblemDetails, error::ProblemError, render};

impl Problem {
    /// The problem that a status stands for, with its message, metadata and details as they are.
    ///
    /// Metadata that is about the answer it came with, such as `content-type`, stays behind. When
    /// to try again goes along in every protocol.
    pub fn from_status(status: &Status) -> Self {
        if let Some(problem) = inside(status) {
            return problem.clone();
        }
        let mut problem = Self::of_code(code_of(status));
        if !status.message().is_empty() {
            problem = problem.detail(status.message().to_owned());
        }
        let own = status.metadata().as_ref().iter();
        for (name, value) in own.filter(|(name, _)| !is_of_one_answer(name)) {
            problem = problem.header(name.clone(), value.clone());
        }
        if let Some(delay) = ProblemDetails::from_status(status).retry_after {
            problem = problem.retry_after(delay);
        }
        if !status.details().is_empty() {
            problem.0.status_details = Some(Bytes::copy_from_slice(status.details()));
        }
        problem
    }
}

/// The problem of a service that failed with a status. The words of a 5xx are for the log: most such
/// statuses are those that a client of ours got, and some name the address that it called.
pub(crate) fn of_failure(status: &Status) -> Problem {
    let problem = Problem::from_status(status);
    if inside(status).is_some() || !problem.http_status().is_server_error() {
        return problem;
    }
    let mut problem = problem.source(status.clone());
    problem.0.detail = None;
    problem.0.status_details = None;
    problem
}

/// A client's status has all headers of the answer for its metadata, not only what the other
/// service meant to say.
fn is_of_one_answer(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("grpc-")
        || name.starts_with("content-")
        || name.starts_with("proxy-")
        || matches!(
            name,
            "connection" | "date" | "host" | "keep-alive" | "retry-after" | "server" | "te"
        )
        || matches!(name, "trailer" | "transfer-encoding" | "upgrade" | "vary" | "x-request-id")
}

pub(crate) fn code_of(status: &Status) -> Code {
    let number = status.code() as usize;
    Code::ALL.get(number).copied().unwrap_or(Code::Unknown)
}

/// For `?` in the methods of a service.
///
/// The status has the code, the message and the details that the problem has by itself. Behind a
/// [`ProblemLayer`](crate::ProblemLayer) the answer also has what is known of the request, and what
/// the problem hides goes to the log.
impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let code = TonicCode::from_i32(problem.0.code as i32);
        let (message, details) = render::status_parts(&problem);
        let mut headers = HeaderMap::new();
        for (name, value) in &problem.0.headers {
            headers.append(name, value.clone());
        }
        if let Some(pushback) = render::pushback(&problem) {
            headers.insert("grpc-retry-pushback-ms", pushback);
        }
        let metadata = MetadataMap::from_headers(headers);
        let mut status = Self::with_details_and_metadata(code, message, details, metadata);
        status.set_source(Arc::new(ProblemError(problem)));
        status
    }
}

/// Whether the status that tonic leaves in the extensions of its answer was a problem.
pub(crate) fn is_in(extensions: &Extensions) -> bool {
    extensions.get().and_then(inside).is_some()
}

/// Takes the problem out of the status that tonic leaves in the extensions of its answer.
pub(crate) fn take_from(extensions: &mut Extensions) -> Option<Problem> {
    let problem = extensions.get().and_then(inside).cloned()?;
    extensions.remove::<Status>();
    Some(problem)
}

fn inside(status: &Status) -> Option<&Problem> {
    status.source()?.downcast_ref::<ProblemError>().map(|error| &error.0)
}
