use http::StatusCode;
use tower_ready_core::{End, Protocol, grpc::Code};

use super::exchange::Side;
use crate::{grpc_web::WebStatus, labels::ErrorType, verdict};

/// What became of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// In a word, for the log.
    pub(crate) said: &'static str,
    /// The code of a call of gRPC or gRPC-Web.
    pub(crate) code: Option<Code>,
    /// Why it failed, from a closed set.
    pub(crate) error_type: Option<String>,
    /// Whether this side has to be asked about it: a client that went away is none of our failures,
    /// and what a caller did wrong is its own.
    pub(crate) is_failure: bool,
}

/// What of an answer is known at its end.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) side: Side,
    pub(crate) protocol: Protocol,
    pub(crate) status: Option<StatusCode>,
    /// The code in its head.
    pub(crate) code: Option<Code>,
    pub(crate) web: Option<&'a WebStatus>,
}

impl Outcome {
    pub(super) fn of(answered: &Answered<'_>, end: &End<'_>) -> Self {
        let Answered { side, protocol, status, code, web } = *answered;
        let is_client = side == Side::Client;
        let (code, error) = if verdict::is_rpc(protocol) {
            verdict::of_rpc(is_client, status, code, (protocol, web), end)
        } else {
            (None, verdict::of_http(is_client, status, end))
        };
        let said = match end {
            End::Complete | End::Trailers(_) => "answered",
            End::Error(_) if status.is_none() => "failed",
            End::Error(_) => "broke off",
            End::Dropped => "abandoned",
            End::Panicked => "panicked",
        };
        let is_failure = !matches!(error, ErrorType::None | ErrorType::Cancelled);
        Self { said, code, error_type: error.text(status, code), is_failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_left_a_good_answer_is_no_failure_and_one_that_left_a_bad_one_is() {
        let of = |status, end: &End<'_>| {
            let status = Some(status);
            let (side, protocol) = (Side::Server, Protocol::Http);
            let outcome =
                Outcome::of(&Answered { side, protocol, status, code: None, web: None }, end);
            (outcome.said, outcome.is_failure, outcome.error_type)
        };
        let error = |error: &str| Some(error.to_owned());
        assert_eq!(of(StatusCode::OK, &End::Complete), ("answered", false, None));
        assert_eq!(of(StatusCode::OK, &End::Dropped), ("abandoned", false, error("cancelled")));
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(of(unavailable, &End::Dropped), ("abandoned", true, error("503")));
        assert_eq!(of(unavailable, &End::Panicked), ("panicked", true, error("panic")));
    }
}
