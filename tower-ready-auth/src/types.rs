//! The problem types of this crate.

use http::StatusCode;
use tower_ready_problem::ProblemType;

/// 401: no credentials.
pub static MISSING_CREDENTIALS: ProblemType = ProblemType::new(
    "missing-credentials",
    StatusCode::UNAUTHORIZED,
    "The request has no credentials",
)
.docs("Send a token as `Authorization: Bearer TOKEN`, or an API key as `x-api-key`.");

/// 401: credentials that are not good, or not any more.
pub static INVALID_CREDENTIALS: ProblemType = ProblemType::new(
    "invalid-credentials",
    StatusCode::UNAUTHORIZED,
    "The credentials are not good",
)
.docs(
    "They are malformed, over, revoked, or meant for another service. Get new ones; which of these \
     it is stands in the audit log, under the id of the request.",
);

/// 401: the caller has to prove anew, or better, who it is (RFC 9470).
pub static STEP_UP_REQUIRED: ProblemType = ProblemType::new(
    "step-up-required",
    StatusCode::UNAUTHORIZED,
    "The caller has to prove anew who it is",
)
.docs("Ask the issuer for a token with the `acr_values` and `max_age` of the challenge.");

/// 403: the caller is known, but may not.
pub static INSUFFICIENT_SCOPE: ProblemType = ProblemType::new(
    "insufficient-scope",
    StatusCode::FORBIDDEN,
    "The scope of the credentials does not reach",
)
.docs("`scope` names what is needed. Get credentials with it, if you may have them.");

/// 403: the caller is known, but may not.
pub static FORBIDDEN: ProblemType =
    ProblemType::new("forbidden", StatusCode::FORBIDDEN, "The caller may not do this").docs(
        "The credentials are good, but a policy of the service says no. Others will not help.",
    );

/// 429: too many failures.
pub static TOO_MANY_FAILURES: ProblemType = ProblemType::new(
    "too-many-failures",
    StatusCode::TOO_MANY_REQUESTS,
    "Too many requests from this address had bad credentials",
)
.docs("Wait as long as `Retry-After` says, and check your credentials.");

/// All of the above, for [`ProblemsBuilder::types`](tower_ready_problem::ProblemsBuilder::types).
pub static ALL: [&ProblemType; 6] = [
    &MISSING_CREDENTIALS,
    &INVALID_CREDENTIALS,
    &STEP_UP_REQUIRED,
    &INSUFFICIENT_SCOPE,
    &FORBIDDEN,
    &TOO_MANY_FAILURES,
];
