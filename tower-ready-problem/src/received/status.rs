use std::time::Duration;

use tonic::Status;
use tower_ready_core::RequestId;

use super::{ProblemDetails, rpc_status};
use crate::tonic::code_of;

impl ProblemDetails {
    /// The problem that a gRPC status tells of, with the standard details that it carries:
    /// `ErrorInfo`, `RetryInfo`, `RequestInfo`, `BadRequest` and `QuotaFailure`, whatever library
    /// wrote them.
    ///
    /// Details that are unknown or malformed are ignored, as are members of a problem that have
    /// the wrong type.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let code = code_of(status);
        let mut problem = Self::new();
        problem.grpc_code = Some(code);
        problem.status = Some(code.http_status());
        let message = Some(status.message()).filter(|message| !message.is_empty());
        problem.detail = message.map(str::to_owned);
        let metadata = status.metadata().as_ref();
        problem.retry_after = metadata
            .get("grpc-retry-pushback-ms")
            .and_then(|millis| millis.to_str().ok()?.parse().ok())
            .map(Duration::from_millis);
        problem.request_id = RequestId::of(metadata).map(|id| id.as_str().to_owned());
        rpc_status::read_into(&mut problem, status.details());
        problem
    }
}
