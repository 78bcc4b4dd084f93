//! Problems and `tonic::Status`.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue};
use tonic::{Code as TonicCode, Status, metadata::MetadataMap};
use tower_ready_core::grpc::Code;

use crate::{Problem, problem::ProblemError, render};

impl Problem {
    /// The problem that a status stands for, with its metadata and details as they are.
    pub fn from_status(status: &Status) -> Self {
        if let Some(problem) = inside(status) {
            return problem.clone();
        }
        let mut problem = Self::of_code(code_of(status));
        if !status.message().is_empty() {
            problem = problem.detail(status.message().to_owned());
        }
        for (name, value) in status.metadata().as_ref() {
            problem = problem.header(name.clone(), value.clone());
        }
        if !status.details().is_empty() {
            problem.0.status_details = Some(Bytes::copy_from_slice(status.details()));
        }
        problem
    }
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
        if let Some(millis) = render::pushback(&problem) {
            headers.insert("grpc-retry-pushback-ms", HeaderValue::from(millis));
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
    status
        .source()?
        .downcast_ref::<ProblemError>()
        .map(|error| &error.0)
}
