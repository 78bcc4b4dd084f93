use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::lookup;

// A name that lies still is neither made nor dropped for each look-up.
static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(clippy::exhaustive_enums, reason = "the specification fixes the seventeen codes")]
#[expect(missing_docs, reason = "the specification's names, which `name` gives")]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// A number that is no gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCode(());

impl Code {
    /// Every code, in order: `ALL[n]` has the number `n`.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code for an HTTP status that a server answers, when nothing better is known.
    ///
    /// This is the server's side. The table in gRPC's documentation is a client's, for answers
    /// that carry no code at all, and says itself that servers must not use it.
    #[must_use]
    pub const fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Ok,
            400 | 422 => Self::InvalidArgument,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 | 410 => Self::NotFound,
            405 | 501 => Self::Unimplemented,
            408 | 504 => Self::DeadlineExceeded,
            409 => Self::Aborted,
            413 | 429 => Self::ResourceExhausted,
            416 => Self::OutOfRange,
            499 => Self::Cancelled,
            400..=498 => Self::FailedPrecondition,
            502 | 503 => Self::Unavailable,
            500..=599 => Self::Internal,
            _ => Self::Unknown,
        }
    }

    /// The HTTP status for a code, as `google.rpc.Code` pairs them.
    #[must_use]
    pub fn http_status(self) -> StatusCode {
        match self {
            Self::Ok => StatusCode::OK,
            // 499 has no name in any RFC, but it is what `google.rpc.Code` and proxies use.
            Self::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT),
            Self::InvalidArgument | Self::FailedPrecondition | Self::OutOfRange => {
                StatusCode::BAD_REQUEST
            }
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists | Self::Aborted => StatusCode::CONFLICT,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Unknown | Self::Internal | Self::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code that a `grpc-status` header or trailer holds, or none if it holds none.
    ///
    /// Leading zeros and numbers without a name are no codes; gRPC reads those as `UNKNOWN`.
    #[must_use]
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        let number = match value.as_bytes() {
            [digit @ b'0'..=b'9'] => digit - b'0',
            [b'1', digit @ b'0'..=b'9'] => 10 + digit - b'0',
            _ => return None,
        };
        Self::try_from(number).ok()
    }

    /// The code that the head or the trailers of an answer say, if they say one.
    ///
    /// What is no code is [`Unknown`](Self::Unknown), as the specification says.
    #[must_use]
    pub fn among(headers: &HeaderMap) -> Option<Self> {
        let value = lookup(headers, &GRPC_STATUS)?;
        Some(Self::from_header(value).unwrap_or(Self::Unknown))
    }

    /// The value of a `grpc-status` header.
    #[must_use]
    pub const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ok => "0",
            Self::Cancelled => "1",
            Self::Unknown => "2",
            Self::InvalidArgument => "3",
            Self::DeadlineExceeded => "4",
            Self::NotFound => "5",
            Self::AlreadyExists => "6",
            Self::PermissionDenied => "7",
            Self::ResourceExhausted => "8",
            Self::FailedPrecondition => "9",
            Self::Aborted => "10",
            Self::OutOfRange => "11",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
            Self::DataLoss => "15",
            Self::Unauthenticated => "16",
        })
    }

    /// The name that the specification gives: `RESOURCE_EXHAUSTED`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.names().0
    }

    /// The name that the Connect protocol gives: `resource_exhausted`.
    #[must_use]
    pub const fn connect_name(self) -> &'static str {
        self.names().1
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("OK", "ok"),
            Self::Cancelled => ("CANCELLED", "canceled"), // Connect spells it with one l.
            Self::Unknown => ("UNKNOWN", "unknown"),
            Self::InvalidArgument => ("INVALID_ARGUMENT", "invalid_argument"),
            Self::DeadlineExceeded => ("DEADLINE_EXCEEDED", "deadline_exceeded"),
            Self::NotFound => ("NOT_FOUND", "not_found"),
            Self::AlreadyExists => ("ALREADY_EXISTS", "already_exists"),
            Self::PermissionDenied => ("PERMISSION_DENIED", "permission_denied"),
            Self::ResourceExhausted => ("RESOURCE_EXHAUSTED", "resource_exhausted"),
            Self::FailedPrecondition => ("FAILED_PRECONDITION", "failed_precondition"),
            Self::Aborted => ("ABORTED", "aborted"),
            Self::OutOfRange => ("OUT_OF_RANGE", "out_of_range"),
            Self::Unimplemented => ("UNIMPLEMENTED", "unimplemented"),
            Self::Internal => ("INTERNAL", "internal"),
            Self::Unavailable => ("UNAVAILABLE", "unavailable"),
            Self::DataLoss => ("DATA_LOSS", "data_loss"),
            Self::Unauthenticated => ("UNAUTHENTICATED", "unauthenticated"),
        }
    }
}

impl TryFrom<u8> for Code {
    type Error = UnknownCode;

    fn try_from(number: u8) -> Result<Self, UnknownCode> {
        Self::ALL.get(usize::from(number)).copied().ok_or(UnknownCode(()))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gRPC status codes are 0 to 16")
    }
}

impl std::error::Error for UnknownCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_its_header() {
        for code in Code::ALL {
            assert_eq!(Code::from_header(&code.header_value()), Some(code));
            assert_eq!(Code::try_from(code as u8), Ok(code));
        }
    }

    #[test]
    fn headers_that_hold_no_code_are_none() {
        for value in ["", "17", "99", "-1", "+1", "01", "007", " 1", "OK", "1.0"] {
            assert_eq!(Code::from_header(&HeaderValue::from_static(value)), None, "{value:?}");
        }
    }

    #[test]
    fn the_code_of_an_answer_is_unknown_if_it_is_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(Code::among(&headers), None);
        for (value, code) in [("5", Code::NotFound), ("17", Code::Unknown), ("", Code::Unknown)] {
            headers.insert(&GRPC_STATUS, HeaderValue::from_static(value));
            assert_eq!(Code::among(&headers), Some(code), "{value:?}");
        }
    }

    #[test]
    fn every_error_status_has_an_error_code() {
        for status in 400..600 {
            let status = StatusCode::from_u16(status).unwrap();
            assert_ne!(Code::from_http(status), Code::Ok, "{status}");
        }
        assert_eq!(Code::from_http(StatusCode::TOO_MANY_REQUESTS), Code::ResourceExhausted);
        assert_eq!(Code::from_http(StatusCode::IM_A_TEAPOT), Code::FailedPrecondition);
        assert_eq!(Code::from_http(StatusCode::LOOP_DETECTED), Code::Internal);
    }

    #[test]
    fn every_error_code_has_an_error_status() {
        for code in &Code::ALL[1..] {
            assert!(code.http_status().as_u16() >= 400, "{code}");
        }
    }
}
