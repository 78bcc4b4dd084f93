//! What became of a request, told alike by metrics, log and span.

use http::StatusCode;
use tower_ready_core::{End, Protocol, grpc::Code};

use crate::{grpc_web::WebStatus, labels::ErrorType};

/// Whether a call in this protocol has a code of gRPC, which its answer says as gRPC does.
pub(crate) const fn is_rpc(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Grpc(_) | Protocol::GrpcWeb(_) | Protocol::GrpcWebText(_))
}

/// Why a request of HTTP failed. A status that is an error to this side counts for more than how the
/// body of the answer ended.
#[inline]
pub(crate) fn of_http(is_client: bool, status: Option<StatusCode>, end: &End<'_>) -> ErrorType {
    let is_error =
        |status: StatusCode| status.is_server_error() || is_client && status.is_client_error();
    match end {
        End::Panicked => ErrorType::Panic,
        _ if status.is_some_and(is_error) => ErrorType::Status,
        _ => of_end(status, end),
    }
}

/// The code of a call of gRPC or gRPC-Web, and why it failed. The code stands in the head of an
/// answer without messages, and else in the trailers; an answer that is none of gRPC has a status of
/// HTTP. What it says counts for more than how it ended.
#[inline]
pub(crate) fn of_rpc(
    is_client: bool,
    status: Option<StatusCode>,
    in_head: Option<Code>,
    (protocol, web): (Protocol, Option<&WebStatus>),
    end: &End<'_>,
) -> (Option<Code>, ErrorType) {
    let in_trailers = || match end {
        End::Trailers(trailers) => Code::among(trailers),
        _ => None,
    };
    let said = in_head.or_else(in_trailers).or_else(|| status.and_then(of_status));
    let code = said.or_else(|| match end {
        // gRPC-Web has its trailers in the body.
        End::Complete if !protocol.is_grpc() => web.and_then(WebStatus::code),
        End::Dropped => Some(Code::Cancelled),
        _ => Some(Code::Unknown),
    });
    let is_error = |code| is_of_server(code) || is_client && code != Code::Ok;
    let error = match end {
        End::Panicked => ErrorType::Panic,
        _ if said.is_some_and(is_error) => ErrorType::Code,
        End::Complete | End::Trailers(_) if code.is_some_and(is_error) => ErrorType::Code,
        _ => of_end(status, end),
    };
    (code, error)
}

/// Of these codes a server is the cause, by OpenTelemetry's conventions for RPC.
pub(crate) const fn is_of_server(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

#[inline]
fn of_end(status: Option<StatusCode>, end: &End<'_>) -> ErrorType {
    match end {
        End::Complete | End::Trailers(_) => ErrorType::None,
        End::Panicked => ErrorType::Panic,
        End::Dropped => ErrorType::Cancelled,
        End::Error(error) if status.is_some() => ErrorType::of(*error, ErrorType::Body),
        End::Error(error) => ErrorType::of(*error, ErrorType::Other),
    }
}

/// What a client makes of an answer without a code, by the table of gRPC's
/// `http-grpc-status-mapping`. One with `200` could still say one.
fn of_status(status: StatusCode) -> Option<Code> {
    Some(match status.as_u16() {
        200 => return None,
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use tower_ready_core::Codec;

    use super::*;

    fn http(is_client: bool, status: Option<u16>, end: &End<'_>) -> Option<String> {
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        of_http(is_client, status, end).text(status, None)
    }

    fn grpc(is_client: bool, status: u16, code: Option<Code>, end: &End<'_>) -> [String; 2] {
        let status = Some(StatusCode::from_u16(status).unwrap());
        let protocol = (Protocol::Grpc(Codec::Proto), None);
        let (code, error) = of_rpc(is_client, status, code, protocol, end);
        let code = code.unwrap();
        [code.name().to_owned(), error.text(status, Some(code)).unwrap_or_default()]
    }

    #[test]
    fn a_status_is_a_failure_of_the_side_that_caused_it() {
        assert_eq!(http(false, Some(200), &End::Complete), None);
        assert_eq!(http(false, Some(404), &End::Complete), None);
        assert_eq!(http(true, Some(404), &End::Complete).unwrap(), "404");
        assert_eq!(http(false, Some(503), &End::Complete).unwrap(), "503");
    }

    #[test]
    fn how_an_answer_ends_counts_if_its_head_was_good() {
        assert_eq!(http(false, Some(200), &End::Dropped).unwrap(), "cancelled");
        assert_eq!(http(false, Some(200), &End::Panicked).unwrap(), "panic");
        assert_eq!(http(false, Some(200), &End::Error(&"secret")).unwrap(), "body");
        assert_eq!(http(false, None, &End::Error(&"secret")).unwrap(), "_OTHER");
        assert_eq!(http(false, Some(503), &End::Dropped).unwrap(), "503");
        assert_eq!(http(false, Some(503), &End::Panicked).unwrap(), "panic");
    }

    #[test]
    fn the_code_of_a_call_is_in_its_head_or_its_trailers_or_unknown() {
        let mut trailers = HeaderMap::new();
        let unknown = ["UNKNOWN", "UNKNOWN"];
        assert_eq!(grpc(false, 200, None, &End::Trailers(&trailers)), unknown);
        assert_eq!(grpc(false, 200, None, &End::Complete), unknown);
        trailers.insert("grpc-status", HeaderValue::from_static("14"));
        let end = End::Trailers(&trailers);
        assert_eq!(grpc(false, 200, None, &end), ["UNAVAILABLE", "UNAVAILABLE"]);
        let gone = Some(Code::NotFound);
        assert_eq!(grpc(false, 200, gone, &End::Complete), ["NOT_FOUND", ""]);
        assert_eq!(grpc(true, 200, gone, &End::Complete), ["NOT_FOUND", "NOT_FOUND"]);
        assert_eq!(grpc(false, 200, None, &End::Dropped), ["CANCELLED", "cancelled"]);
        assert_eq!(grpc(false, 200, None, &End::Error(&"secret")), ["UNKNOWN", "body"]);
    }

    #[test]
    fn a_status_of_http_is_what_a_client_of_grpc_makes_of_it() {
        for end in [End::Complete, End::Dropped, End::Error(&"secret")] {
            assert_eq!(grpc(true, 503, None, &end), ["UNAVAILABLE", "UNAVAILABLE"]);
            assert_eq!(grpc(true, 429, None, &end), ["UNAVAILABLE", "UNAVAILABLE"]);
            assert_eq!(grpc(true, 404, None, &end), ["UNIMPLEMENTED", "UNIMPLEMENTED"]);
            assert_eq!(grpc(true, 204, None, &end), ["UNKNOWN", "UNKNOWN"]);
        }
        let aborted = Some(Code::Aborted);
        assert_eq!(grpc(true, 200, aborted, &End::Dropped), ["ABORTED", "ABORTED"]);
        assert_eq!(grpc(false, 200, aborted, &End::Dropped), ["ABORTED", "cancelled"]);
    }
}
