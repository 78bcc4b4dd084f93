//! What a policy may look at of an answer, and what a handler may say of its cost.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use http::StatusCode;
use tower_ready_core::grpc::Code;

/// What a policy that counts answers may look at.
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
    pub(crate) const fn new(status: Option<StatusCode>, code: Option<Code>) -> Self {
        Self { status, code }
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
