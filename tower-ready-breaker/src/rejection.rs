//! A breaker's no.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use tower_ready_core::{Head, LocalRejection};
use tower_ready_problem::{Caller, Problem, ProblemType};

use crate::{
    circuit::{Phase, Refusal},
    pins::Pin,
};

/// 503 and `UNAVAILABLE`: the request was not made, since what it needs has been failing.
pub static CIRCUIT_OPEN: ProblemType = ProblemType::new(
    "circuit-open",
    StatusCode::SERVICE_UNAVAILABLE,
    "A service that this request needs has been failing",
)
.docs(
    "Nothing was done: the service behind was not asked, to let it recover. Wait as long as \
     `Retry-After` says, and do not retry before.",
);

/// A call was not let through.
#[derive(Clone)]
pub struct Rejected {
    pin: Arc<Pin>,
    refusal: Refusal,
}

/// Why a call was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectedKind {
    /// The circuit is open.
    Open,
    /// The circuit is half-open, and as many probes as may be are out.
    HalfOpen,
    /// The circuit has closed, and lets a growing share through.
    Recovering,
    /// Somebody forced the circuit open.
    ForcedOpen,
    /// The throttle shed the call.
    Throttled,
}

impl RejectedKind {
    /// One word, for labels: `open`, `half_open`, `recovering`, `forced_open`, `throttled`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Recovering => "recovering",
            Self::ForcedOpen => "forced_open",
            Self::Throttled => "throttled",
        }
    }
}

impl Rejected {
    pub(crate) const fn new(pin: Arc<Pin>, refusal: Refusal) -> Self {
        Self { pin, refusal }
    }

    /// The name of the breaker.
    #[must_use]
    pub fn breaker(&self) -> &str {
        &self.pin.shared.policy.name
    }

    /// Why.
    #[must_use]
    pub const fn kind(&self) -> RejectedKind {
        match self.refusal.phase {
            Phase::HalfOpen => RejectedKind::HalfOpen,
            Phase::Recovering => RejectedKind::Recovering,
            Phase::ForcedOpen => RejectedKind::ForcedOpen,
            Phase::Throttling => RejectedKind::Throttled,
            _ => RejectedKind::Open,
        }
    }

    /// How long until it may be otherwise.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        self.refusal.wait
    }

    /// The problem to answer with: 503 with `Retry-After` over HTTP, `UNAVAILABLE` with pushback
    /// over gRPC. It does not name the breaker, which is nothing to callers.
    pub fn problem(&self) -> Problem {
        Problem::new(&CIRCUIT_OPEN).retry_after(self.retry_after()).rejected_by(self.mark())
    }

    pub(crate) const fn mark(&self) -> LocalRejection {
        LocalRejection::new("breaker", self.kind().as_str())
    }

    pub(crate) fn answer(&self, request: &Head<'_>, caller: &Caller) -> Response<Bytes> {
        let fallback = self.pin.shared.policy.fallback.as_ref();
        match fallback.and_then(|fallback| fallback.answer(self, request)) {
            Some(mut response) => {
                response.extensions_mut().insert(self.mark());
                response
            }
            None => self.problem().answer(caller),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.breaker();
        match self.kind() {
            RejectedKind::Open => write!(f, "the circuit {name:?} is open"),
            RejectedKind::HalfOpen => write!(f, "the circuit {name:?} is being tried"),
            RejectedKind::Recovering => write!(f, "the circuit {name:?} is recovering"),
            RejectedKind::ForcedOpen => write!(f, "the circuit {name:?} was forced open"),
            RejectedKind::Throttled => write!(f, "the circuit {name:?} sheds calls"),
        }
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("breaker", &self.breaker())
            .field("kind", &self.kind())
            .field("retry_after", &self.retry_after())
            .finish()
    }
}

impl Error for Rejected {}

/// An answer in place of a problem: one from a cache, an empty list.
///
/// A closure is one. `None` leaves it at the problem.
pub trait Fallback: Send + Sync + 'static {
    /// Answers a request that was not let through.
    fn answer(&self, rejected: &Rejected, request: &Head<'_>) -> Option<Response<Bytes>>;
}

impl<F> Fallback for F
where
    F: Fn(&Rejected, &Head<'_>) -> Option<Response<Bytes>> + Send + Sync + 'static,
{
    fn answer(&self, rejected: &Rejected, request: &Head<'_>) -> Option<Response<Bytes>> {
        self(rejected, request)
    }
}
