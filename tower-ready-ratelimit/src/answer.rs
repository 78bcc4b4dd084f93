//! What a policy may look at of an answer, and what a handler may say of its cost.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use http::{Method, Response, StatusCode, Uri, header::CONTENT_TYPE};
use tower_ready_core::{End, Protocol, grpc::Code};
use tower_ready_problem::Problem;

/// What a policy that counts answers may look at.
///
/// What an answer is, it says itself: a `401` without any gRPC is one, whatever protocol its caller
/// claims to speak. An error that stands in the body of a gRPC-Web or Connect stream is seen only if
/// one of our layers put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    status: Option<StatusCode>,
    code: Option<Code>,
}

/// What a request has cost, in the units of the policies that [settle](crate::Policy::settle) by it.
///
/// A handler finds it in the extensions of the request:
///
/// ```
/// use tower_ready_ratelimit::Usage;
///
/// fn handler(request: http::Request<()>) {
///     if let Some(usage) = request.extensions().get::<Usage>() {
///         usage.add(1_234); // say, the tokens of a language model
///     }
/// }
/// # handler(http::Request::new(()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Usage(Arc<AtomicU64>);

impl Answer {
    const fn of_code(code: Code) -> Self {
        Self { status: None, code: Some(code) }
    }

    /// What the head of an answer tells, unless its trailers will.
    pub(crate) fn of_head<B>(response: &Response<B>) -> Option<Self> {
        let (status, headers) = (response.status(), response.headers());
        let problem = response.extensions().get::<Problem>().filter(|_| status.is_success());
        if let Some(problem) = problem {
            return Some(Self::of_code(problem.grpc_code()));
        }
        // An answer's content type names its protocol as a request's does.
        let content_type = headers.get(CONTENT_TYPE);
        let named = Protocol::of_parts(&Method::POST, &Uri::default(), content_type, false);
        let has_code = content_type.is_none() || named.has_grpc_codes();
        match Code::among(headers).filter(|_| has_code) {
            Some(code) => Some(Self::of_code(code)),
            None if named.is_grpc() && status.is_success() => None,
            None => Some(Self { status: Some(status), code: None }),
        }
    }

    /// What the end of an answer tells whose head told nothing; of one that never came, nothing.
    pub(crate) fn of_end(end: &End<'_>) -> Option<Self> {
        match end {
            // A gRPC answer without a code is broken.
            End::Trailers(trailers) => {
                Some(Self::of_code(Code::among(trailers).unwrap_or(Code::Unknown)))
            }
            End::Complete => Some(Self::of_code(Code::Unknown)),
            End::Error(_) | End::Panicked => Some(Self { status: None, code: None }),
            End::Dropped => None,
        }
    }

    /// The status of an HTTP answer. None over gRPC, which answers 200 whatever happened, and when
    /// the service failed without an answer.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The code of a gRPC answer.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        self.code
    }

    /// The caller was not known: `401`, or `UNAUTHENTICATED`.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.status == Some(StatusCode::UNAUTHORIZED) || self.code == Some(Code::Unauthenticated)
    }

    /// The service failed: a status of 500 or above, the code of such a one, or no answer at all.
    #[must_use]
    pub fn is_server_error(&self) -> bool {
        match (self.code, self.status) {
            (Some(code), _) => code.http_status().is_server_error(),
            (None, Some(status)) => status.is_server_error(),
            (None, None) => true,
        }
    }
}

impl Usage {
    /// Adds to the cost.
    pub fn add(&self, units: u64) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |sum| Some(sum.saturating_add(units)));
    }

    /// The cost so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_itself_what_it_is() {
        let grpc = |code| Some(Answer::of_code(code));
        let http = |status| Some(Answer { status: StatusCode::from_u16(status).ok(), code: None });
        for (content_type, status, code, expected) in [
            (Some("application/grpc"), 200, Some("16"), grpc(Code::Unauthenticated)),
            (Some("application/grpc+proto"), 200, Some("junk"), grpc(Code::Unknown)),
            (Some("application/grpc-web+proto"), 200, Some("16"), grpc(Code::Unauthenticated)),
            (None, 200, Some("16"), grpc(Code::Unauthenticated)),
            (Some("application/grpc"), 200, None, None),
            (Some("application/grpc"), 401, None, http(401)),
            (Some("application/grpc-web"), 200, None, http(200)),
            (Some("text/html"), 401, None, http(401)),
            (Some("text/html"), 401, Some("0"), http(401)),
            (None, 401, None, http(401)),
        ] {
            let mut response = Response::builder().status(status);
            for (name, value) in [("content-type", content_type), ("grpc-status", code)] {
                if let Some(value) = value {
                    response = response.header(name, value);
                }
            }
            let answer = Answer::of_head(&response.body(()).unwrap());
            assert_eq!(answer, expected, "{content_type:?} {status} {code:?}");
        }
    }
}
