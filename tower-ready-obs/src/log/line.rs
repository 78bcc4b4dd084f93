//! The lines themselves.

use std::time::Duration;

use tower_ready_core::{LocalRejection, RequestId, Route, grpc::Code};

use super::{AccessLog, text::bounded_path};
use crate::trace::{Outcome, Watched};

/// What of a request is not there any more when the line is written.
#[derive(Debug)]
pub(crate) struct Noted {
    /// The headers that are logged.
    pub(crate) headers: Option<String>,
    /// The id that a caller gave the request, and that was not taken over.
    pub(crate) claimed: Option<RequestId>,
}

/// Both lines have the ids as fields of their own and stand in no span, so that they look the same
/// whether the request has one or not.
macro_rules! line {
    ($level:ident, $target:expr, $watched:expr, $outcome:expr, $($rest:tt)*) => {{
        let (watched, outcome): (&Watched, &Outcome) = ($watched, $outcome);
        let (mut trace_id, mut span_id) = ([0; 32], [0; 16]);
        let context = watched.current.context();
        let request_id = watched.current.request_id();
        ::tracing::event!(
            target: $target,
            parent: None,
            ::tracing::Level::$level,
            request_id = request_id.as_ref().map(RequestId::as_str),
            trace_id = context.trace_id().encode(&mut trace_id),
            span_id = context.span_id().encode(&mut span_id),
            method = watched.known_method().unwrap_or("_OTHER"),
            path = &*bounded_path(watched.path()),
            route = watched.route().map(Route::as_str),
            status = watched.status.map(|status| status.as_u16()),
            grpc_status = outcome.code.map(Code::name),
            error_type = outcome.error_type.as_deref(),
            $($rest)*
        )
    }};
}

impl AccessLog {
    /// Writes what is due of an exchange that is over.
    pub(crate) fn write(
        &self,
        watched: &Watched,
        noted: &Noted,
        outcome: &Outcome,
        total: Duration,
    ) {
        let threshold = self.threshold(watched.route().map(Route::as_str));
        let is_slow = threshold.is_some_and(|threshold| total >= threshold);
        if is_slow {
            let head = watched.head.unwrap_or(total);
            line!(
                WARN,
                super::access_log::SLOW,
                watched,
                outcome,
                ms = millis(total),
                head_ms = millis(head),
                body_ms = millis(total.saturating_sub(head)),
                threshold_ms = threshold.map(millis),
                "slow"
            );
        }
        if !self.keeps(watched.current.context().trace_id(), outcome, is_slow) {
            return;
        }
        macro_rules! access {
            ($level:ident) => {
                line!(
                    $level,
                    super::access_log::ACCESS,
                    watched,
                    outcome,
                    rejected_by = watched.rejection.map(LocalRejection::by),
                    rejection = watched.rejection.map(LocalRejection::kind),
                    http_version = watched.version(),
                    ms = millis(total),
                    bytes = watched.bytes,
                    claimed_request_id = noted.claimed.as_ref().map(RequestId::as_str),
                    query = watched.query().and_then(|query| self.query_of(query)),
                    headers = noted.headers.as_deref(),
                    "{}",
                    outcome.said
                )
            };
        }
        if outcome.is_failure { access!(ERROR) } else { access!(INFO) }
    }
}

/// Milliseconds with three places.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
