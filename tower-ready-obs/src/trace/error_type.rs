use std::any::Any;

use http::StatusCode;
use tower_ready_core::grpc::Code;

/// Why an exchange failed: `error.type`, from a set that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorType {
    None,
    Status,
    Code,
    Cancelled,
    Panic,
    Body,
    Other,
}

impl ErrorType {
    pub(super) fn text(self, status: Option<StatusCode>, code: Option<Code>) -> Option<String> {
        Some(match self {
            Self::None => return None,
            Self::Status => status?.as_str().to_owned(),
            Self::Code => code?.name().to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Panic => "panic".to_owned(),
            Self::Body => "body".to_owned(),
            Self::Other => "_OTHER".to_owned(),
        })
    }

    pub(super) fn of(_: &(dyn Any + 'static), otherwise: Self) -> Self {
        otherwise
    }
}
