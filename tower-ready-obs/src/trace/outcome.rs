use http::{HeaderMap, HeaderName, StatusCode};
use tower_ready_core::{End, Protocol, grpc::Code};

use super::exchange::Side;
use crate::labels::ErrorType;

/// What became of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// In a word, for the log.
    pub(crate) said: &'static str,
    /// The code of a gRPC call.
    pub(crate) code: Option<Code>,
    /// Why it failed, from a closed set.
    pub(crate) error_type: Option<String>,
    /// Whether this side has to be asked about it: a client that went away is none of our failures,
    /// and what a caller did wrong is its own.
    pub(crate) is_failure: bool,
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What the head of an answer says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) protocol: Protocol,
    pub(crate) status: Option<StatusCode>,
    pub(crate) code: Option<Code>,
}

/// The code in these headers; one that is no number is `UNKNOWN`.
pub(super) fn code_in(headers: &HeaderMap) -> Option<Code> {
    let value = headers.get(GRPC_STATUS)?;
    Some(Code::from_header(value).unwrap_or(Code::Unknown))
}

impl Outcome {
    pub(super) fn of(side: Side, answered: Answered, end: &End<'_>) -> Self {
        let Answered { status, .. } = answered;
        let code = answered.code_at(end);
        let (said, error, is_failure) = match end {
            End::Panicked => ("panicked", ErrorType::Panic, true),
            End::Error(error) if status.is_none() => {
                ("failed", ErrorType::of(*error, ErrorType::Other), true)
            }
            End::Error(error) => ("broke off", ErrorType::of(*error, ErrorType::Body), true),
            End::Dropped => ("abandoned", ErrorType::Cancelled, false),
            End::Complete | End::Trailers(_) => {
                let error = match code {
                    Some(code) if side.blames_code(code) => ErrorType::Code,
                    None if status.is_some_and(|status| side.blames_status(status)) => {
                        ErrorType::Status
                    }
                    _ => ErrorType::None,
                };
                ("answered", error, error != ErrorType::None)
            }
        };
        Self { said, code, error_type: error.text(status, code), is_failure }
    }
}

impl Answered {
    /// The code stands in the head of an answer without messages, and else in the trailers. A call
    /// that ends without one was cut short.
    fn code_at(self, end: &End<'_>) -> Option<Code> {
        if !self.protocol.is_grpc() || self.code.is_some() {
            return self.code;
        }
        let in_trailers = match end {
            End::Trailers(trailers) => code_in(trailers),
            End::Dropped => Some(Code::Cancelled),
            _ => None,
        };
        Some(in_trailers.unwrap_or_else(|| match self.status {
            Some(status) if status != StatusCode::OK => Code::from_http(status),
            _ => Code::Unknown,
        }))
    }
}

impl Side {
    /// OpenTelemetry's conventions for RPC: of these a server is the cause.
    const fn blames_code(self, code: Code) -> bool {
        match self {
            Self::Client => !matches!(code, Code::Ok),
            Self::Server => matches!(
                code,
                Code::Unknown
                    | Code::DeadlineExceeded
                    | Code::Unimplemented
                    | Code::Internal
                    | Code::Unavailable
                    | Code::DataLoss
            ),
        }
    }

    /// OpenTelemetry's conventions for HTTP.
    fn blames_status(self, status: StatusCode) -> bool {
        status.is_server_error() || self == Self::Client && status.is_client_error()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tower_ready_core::Codec;

    use super::*;

    fn http(side: Side, status: u16, end: &End<'_>) -> (Option<String>, bool) {
        let status = Some(StatusCode::from_u16(status).unwrap());
        let answered = Answered { protocol: Protocol::Http, status, code: None };
        let outcome = Outcome::of(side, answered, end);
        assert_eq!(outcome.code, None);
        (outcome.error_type, outcome.is_failure)
    }

    fn grpc(side: Side, in_head: Option<Code>, end: &End<'_>) -> Outcome {
        let protocol = Protocol::Grpc(Codec::Proto);
        let answered = Answered { protocol, status: Some(StatusCode::OK), code: in_head };
        Outcome::of(side, answered, end)
    }

    #[test]
    fn a_status_is_a_failure_of_the_side_that_caused_it() {
        let of = |status: &str, is_failure| (Some(status.to_owned()), is_failure);
        let fine = (None, false);
        assert_eq!(http(Side::Server, 200, &End::Complete), fine);
        assert_eq!(http(Side::Server, 404, &End::Complete), fine);
        assert_eq!(http(Side::Client, 404, &End::Complete), of("404", true));
        assert_eq!(http(Side::Server, 503, &End::Complete), of("503", true));
    }

    #[test]
    fn how_an_answer_ends_counts_for_more_than_how_it_begins() {
        let of = |error: &str, is_failure| (Some(error.to_owned()), is_failure);
        assert_eq!(http(Side::Server, 200, &End::Dropped), of("cancelled", false));
        assert_eq!(http(Side::Server, 200, &End::Panicked), of("panic", true));
        assert_eq!(http(Side::Server, 200, &End::Error(&"secret")), of("body", true));
        let early = Answered { protocol: Protocol::Http, status: None, code: None };
        let outcome = Outcome::of(Side::Server, early, &End::Error(&"secret"));
        assert_eq!((outcome.said, outcome.error_type.as_deref()), ("failed", Some("_OTHER")));
    }

    #[test]
    fn the_code_of_a_call_is_in_its_head_or_its_trailers_or_unknown() {
        let mut trailers = HeaderMap::new();
        assert_eq!(grpc(Side::Server, None, &End::Trailers(&trailers)).code, Some(Code::Unknown));
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("14"));
        let outcome = grpc(Side::Server, None, &End::Trailers(&trailers));
        assert_eq!(outcome.code, Some(Code::Unavailable));
        assert_eq!(outcome.error_type.as_deref(), Some("UNAVAILABLE"));
        let outcome = grpc(Side::Server, Some(Code::NotFound), &End::Complete);
        assert_eq!((outcome.code, outcome.is_failure), (Some(Code::NotFound), false));
        assert!(grpc(Side::Client, Some(Code::NotFound), &End::Complete).is_failure);
        assert_eq!(grpc(Side::Server, None, &End::Complete).code, Some(Code::Unknown));
        assert_eq!(grpc(Side::Server, None, &End::Dropped).code, Some(Code::Cancelled));
    }
}
