use http::StatusCode;
use tower_ready_problem::{ProblemType, grpc::Code};

/// [`OVERLOADED`](tower_ready_problem::types::OVERLOADED) with `RESOURCE_EXHAUSTED` in place of
/// `UNAVAILABLE`: for a service without other instances to try, where a retry only adds to what is
/// too much already.
pub static EXHAUSTED: ProblemType = ProblemType::new(
    "overloaded",
    StatusCode::SERVICE_UNAVAILABLE,
    "The service has too much to do right now",
)
.code(Code::ResourceExhausted)
.docs("Nothing was done. Wait as long as `Retry-After` says, and back off if it happens again.");
