use std::{any::Any, error::Error, io};

use http::StatusCode;
use tower_ready_core::grpc::Code;

/// Why a request failed: `error.type`, from a set that is closed. The text of an error never is
/// part of it, since it may hold what a caller sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ErrorType {
    None,
    /// The status says it.
    Status,
    /// The code of gRPC says it.
    Code,
    /// The caller left.
    Cancelled,
    Panic,
    Timeout,
    #[cfg(feature = "tower")]
    Overloaded,
    ConnectionRefused,
    ConnectionReset,
    ConnectionAborted,
    NotConnected,
    BrokenPipe,
    UnexpectedEof,
    AddressNotAvailable,
    /// The body broke off.
    Body,
    Other,
}

impl ErrorType {
    pub(crate) fn text(self, status: Option<StatusCode>, code: Option<Code>) -> Option<String> {
        Some(match self {
            Self::None => return None,
            Self::Status => status?.as_str().to_owned(),
            Self::Code => code?.name().to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Panic => "panic".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            #[cfg(feature = "tower")]
            Self::Overloaded => "overloaded".to_owned(),
            Self::ConnectionRefused => "connection_refused".to_owned(),
            Self::ConnectionReset => "connection_reset".to_owned(),
            Self::ConnectionAborted => "connection_aborted".to_owned(),
            Self::NotConnected => "not_connected".to_owned(),
            Self::BrokenPipe => "broken_pipe".to_owned(),
            Self::UnexpectedEof => "unexpected_eof".to_owned(),
            Self::AddressNotAvailable => "address_not_available".to_owned(),
            Self::Body => "body".to_owned(),
            Self::Other => "_OTHER".to_owned(),
        })
    }

    /// What an error is that a service or a body failed with, as far as its type tells.
    pub(crate) fn of(error: &(dyn Any + 'static), otherwise: Self) -> Self {
        known(error).unwrap_or(otherwise)
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        Some(match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            io::ErrorKind::ConnectionReset => Self::ConnectionReset,
            io::ErrorKind::ConnectionAborted => Self::ConnectionAborted,
            io::ErrorKind::NotConnected => Self::NotConnected,
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            io::ErrorKind::UnexpectedEof => Self::UnexpectedEof,
            io::ErrorKind::AddrNotAvailable => Self::AddressNotAvailable,
            // Its source is that of what it holds, not that itself.
            _ => return error.get_ref().and_then(|error| in_chain(error)),
        })
    }
}

fn known(error: &(dyn Any + 'static)) -> Option<ErrorType> {
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return in_chain(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send>>() {
        return in_chain(&**error);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return in_chain(error);
    }
    #[cfg(feature = "axum")]
    if let Some(error) = error.downcast_ref::<axum::Error>() {
        return in_chain(error);
    }
    #[cfg(feature = "hyper")]
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return in_chain(error);
    }
    None
}

/// The first error that is known, from the outside in.
fn in_chain(error: &(dyn Error + 'static)) -> Option<ErrorType> {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    // A chain may be a ring; nobody nests more than this.
    chain.by_ref().take(32).find_map(|error| {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return ErrorType::of_io(error);
        }
        #[cfg(feature = "tower")]
        if error.is::<tower::timeout::error::Elapsed>() {
            return Some(ErrorType::Timeout);
        }
        #[cfg(feature = "tower")]
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Some(ErrorType::Overloaded);
        }
        #[cfg(feature = "hyper")]
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return of_hyper(error);
        }
        None
    })
}

#[cfg(feature = "hyper")]
fn of_hyper(error: &hyper::Error) -> Option<ErrorType> {
    if error.is_timeout() {
        Some(ErrorType::Timeout)
    } else if error.is_incomplete_message() {
        Some(ErrorType::UnexpectedEof)
    } else if error.is_canceled() {
        Some(ErrorType::ConnectionAborted)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &(dyn Any + 'static)) -> ErrorType {
        ErrorType::of(error, ErrorType::Other)
    }

    #[test]
    fn an_error_is_known_by_its_type_and_never_by_its_text() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(of(&refused()), ErrorType::ConnectionRefused);
        let boxed: Box<dyn Error + Send + Sync> = Box::new(refused());
        assert_eq!(of(&boxed), ErrorType::ConnectionRefused);
        let nested: Box<dyn Error + Send + Sync> = Box::new(io::Error::other(refused()));
        assert_eq!(of(&nested), ErrorType::ConnectionRefused);
        let text: Box<dyn Error + Send + Sync> = "timeout: /etc/passwd".into();
        assert_eq!(of(&text), ErrorType::Other);
        assert_eq!(of(&4711), ErrorType::Other);
    }
}
