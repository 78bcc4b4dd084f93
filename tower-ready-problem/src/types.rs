//! The problem types that this crate itself answers with, and those of the registry that our other
//! crates need.

use http::StatusCode;
use tower_ready_core::grpc::Code;

use crate::ProblemType;

/// 500: something failed that the caller cannot mend. What it was stands in the log, under the
/// `error_id` of the answer.
pub static INTERNAL: ProblemType = ProblemType::new(
    "internal",
    StatusCode::INTERNAL_SERVER_ERROR,
    "The service failed to handle the request",
)
.docs(
    "The fault is on our side. The `error_id` of the answer leads us to what happened; name it \
     when you report the problem. The same request may well succeed later.",
);

/// 504: no answer in time.
pub static TIMEOUT: ProblemType =
    ProblemType::new("timeout", StatusCode::GATEWAY_TIMEOUT, "The request took too long").docs(
        "The work was given up when its time was over. It may have had an effect all the same, so \
         repeat only what is safe to repeat.",
    );

/// 503: too much to do right now.
pub static OVERLOADED: ProblemType = ProblemType::new(
    "overloaded",
    StatusCode::SERVICE_UNAVAILABLE,
    "The service has too much to do right now",
)
.docs("Nothing was done. Wait as long as `Retry-After` says, and back off if it happens again.");

/// 503: a part that the request needs is not there.
pub static UNAVAILABLE: ProblemType = ProblemType::new(
    "unavailable",
    StatusCode::SERVICE_UNAVAILABLE,
    "The service is not available right now",
)
.docs("Nothing was done. Wait as long as `Retry-After` says, and back off if it happens again.");

/// 413: the body is longer than allowed.
pub static CONTENT_TOO_LARGE: ProblemType = ProblemType::new(
    "content-too-large",
    StatusCode::PAYLOAD_TOO_LARGE,
    "The content is longer than this service takes",
)
.docs("Send less at once.");

/// 400: the request broke off or is malformed.
pub static MALFORMED_REQUEST: ProblemType = ProblemType::new(
    "malformed-request",
    StatusCode::BAD_REQUEST,
    "The request is malformed or incomplete",
)
.code(Code::InvalidArgument)
.docs("The request could not be read to its end as what it claims to be.");

/// 422: the content is well-formed, but not valid. Comes with one entry in `errors` for each fault.
pub static INVALID_CONTENT: ProblemType = ProblemType::new(
    "invalid-content",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The content is not valid",
)
.docs("Each entry of `errors` names a fault and, as a JSON pointer, its place.");

/// 429: a quota is used up (draft-ietf-httpapi-ratelimit-headers).
pub static QUOTA_EXCEEDED: ProblemType =
    ProblemType::new("quota-exceeded", StatusCode::TOO_MANY_REQUESTS, "A quota is used up")
        .uri("https://iana.org/assignments/http-problem-types#quota-exceeded")
        .docs("Wait as long as `Retry-After` says. `violated-policies` names the quotas.");

/// 503: the service does less than usual for the time being (draft-ietf-httpapi-ratelimit-headers).
pub static TEMPORARY_REDUCED_CAPACITY: ProblemType = ProblemType::new(
    "temporary-reduced-capacity",
    StatusCode::SERVICE_UNAVAILABLE,
    "The service has less capacity than usual for now",
)
.uri("https://iana.org/assignments/http-problem-types#temporary-reduced-capacity")
.docs("Wait as long as `Retry-After` says.");

/// All of the above.
pub static ALL: [&ProblemType; 9] = [
    &INTERNAL,
    &TIMEOUT,
    &OVERLOADED,
    &UNAVAILABLE,
    &CONTENT_TOO_LARGE,
    &MALFORMED_REQUEST,
    &INVALID_CONTENT,
    &QUOTA_EXCEEDED,
    &TEMPORARY_REDUCED_CAPACITY,
];
