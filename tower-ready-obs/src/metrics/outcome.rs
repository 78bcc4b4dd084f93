//! What became of a request, in the words of the labels.

use http::{HeaderValue, StatusCode};
use tower_ready_core::{End, Protocol, grpc::Code};

use super::recording::GRPC_STATUS;
use crate::{grpc_web::WebStatus, labels::ErrorType, series::key::Key};

/// A status that is an error to this side comes before whatever else happened.
#[inline]
pub(super) fn judge_http(key: &mut Key, end: &End<'_>) {
    let is_error = |status: StatusCode| {
        status.is_server_error() || key.kind.is_client() && status.is_client_error()
    };
    key.error = match end {
        End::Panicked => ErrorType::Panic,
        _ if key.status.is_some_and(is_error) => ErrorType::Status,
        End::Complete | End::Trailers(_) => ErrorType::None,
        End::Dropped => ErrorType::Cancelled,
        End::Error(error) if key.status.is_some() => ErrorType::of(*error, ErrorType::Body),
        End::Error(error) => ErrorType::of(*error, ErrorType::Other),
    };
}

#[inline]
pub(super) fn judge_rpc(key: &mut Key, protocol: Protocol, web: Option<&WebStatus>, end: &End<'_>) {
    if key.code.is_none() {
        key.code = match end {
            End::Trailers(trailers) => {
                Some(trailers.get(&GRPC_STATUS).map_or_else(|| without_code(key.status), code))
            }
            // gRPC-Web has its trailers in the body.
            End::Complete if !protocol.is_grpc() && key.status == Some(StatusCode::OK) => {
                web.and_then(WebStatus::code)
            }
            End::Complete => Some(without_code(key.status)),
            End::Dropped => Some(Code::Cancelled),
            End::Error(_) | End::Panicked => Some(Code::Unknown),
        };
    }
    let is_error = |code: Code| match code {
        Code::Ok => false,
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        _ => key.kind.is_client(),
    };
    key.error = match end {
        End::Panicked => ErrorType::Panic,
        End::Dropped => ErrorType::Cancelled,
        End::Error(error) => {
            let otherwise = if key.status.is_some() { ErrorType::Body } else { ErrorType::Other };
            ErrorType::of(*error, otherwise)
        }
        _ if key.code.is_some_and(is_error) => ErrorType::Code,
        _ => ErrorType::None,
    };
}

/// A value that is no code is `UNKNOWN`, as the specification says.
pub(super) fn code(value: &HeaderValue) -> Code {
    Code::from_header(value).unwrap_or(Code::Unknown)
}

/// What a client makes of an answer that ends without a code, by the table of gRPC's
/// `http-grpc-status-mapping`.
#[cold]
fn without_code(status: Option<StatusCode>) -> Code {
    match status.map(|status| status.as_u16()) {
        Some(400) => Code::Internal,
        Some(401) => Code::Unauthenticated,
        Some(403) => Code::PermissionDenied,
        Some(404) => Code::Unimplemented,
        Some(429 | 502 | 503 | 504) => Code::Unavailable,
        _ => Code::Unknown,
    }
}
