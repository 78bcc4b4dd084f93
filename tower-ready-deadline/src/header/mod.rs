//! The headers in which a caller says how long it waits.

mod grpc;
mod millis;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tower_ready_core::Protocol;

pub(crate) const GRPC: HeaderName = HeaderName::from_static("grpc-timeout");
pub(crate) const CONNECT: HeaderName = HeaderName::from_static("connect-timeout-ms");
pub(crate) const ENVOY: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
pub(crate) const PLAIN: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// What a caller asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The shortest of the times that were named well.
    pub(crate) time: Option<Duration>,
    /// The first header that made no sense.
    pub(crate) junk: Option<&'static str>,
}

/// Reads all that this protocol's callers, and the proxies before us, may say.
///
/// A header that makes no sense, or comes twice, is as if it were not there: a caller that cannot
/// count gets the server's own time, and no error for a hint.
#[inline]
pub(crate) fn asked(headers: &HeaderMap) -> Asked {
    let mut asked = Asked::default();
    // A look-up hashes the name, and four of them cost more than one pass over a usual request.
    for (name, value) in headers {
        if let Some(field) = Field::of(name) {
            asked.read(field, value, headers);
        }
    }
    asked
}

/// Whether callers of this protocol say it in `grpc-timeout`.
pub(crate) const fn names_grpc_timeout(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::Grpc(_) | Protocol::GrpcWeb(_) | Protocol::GrpcWebText(_)
    )
}

/// The header for this protocol, and its value for what remains, rounded down.
pub(crate) fn written(protocol: Protocol, time: Duration) -> (HeaderName, Option<HeaderValue>) {
    let (name, text) = match protocol {
        protocol if names_grpc_timeout(protocol) => (GRPC, grpc::write(time)),
        Protocol::Connect | Protocol::ConnectStream(_) => (CONNECT, millis::write(time)),
        _ => (PLAIN, millis::write(time)),
    };
    (name, HeaderValue::from_str(&text).ok())
}

#[derive(Clone, Copy)]
enum Field {
    Grpc,
    Connect,
    Envoy,
    Plain,
}

impl Field {
    #[inline]
    fn of(name: &HeaderName) -> Option<Self> {
        // Lengths differ, so that all but one comparison are of a number.
        match name.as_str().len() {
            12 if *name == GRPC => Some(Self::Grpc),
            18 if *name == CONNECT => Some(Self::Connect),
            20 if *name == PLAIN => Some(Self::Plain),
            30 if *name == ENVOY => Some(Self::Envoy),
            _ => None,
        }
    }

    const fn name(self) -> HeaderName {
        match self {
            Self::Grpc => GRPC,
            Self::Connect => CONNECT,
            Self::Envoy => ENVOY,
            Self::Plain => PLAIN,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Grpc => "grpc-timeout",
            Self::Connect => "connect-timeout-ms",
            Self::Envoy => "x-envoy-expected-rq-timeout-ms",
            Self::Plain => "x-request-timeout-ms",
        }
    }
}

impl Asked {
    #[cold]
    fn read(&mut self, field: Field, value: &HeaderValue, headers: &HeaderMap) {
        let is_only = headers.get_all(field.name()).iter().nth(1).is_none();
        let bytes = value.as_bytes();
        let time = match field {
            Field::Grpc => grpc::read(bytes),
            _ => millis::read(bytes),
        };
        match time.filter(|_| is_only) {
            // A proxy that waits for ever says so with zero.
            Some(Duration::ZERO) if matches!(field, Field::Envoy) => {}
            Some(time) => self.time = Some(self.time.map_or(time, |other| other.min(time))),
            None => self.junk = self.junk.or_else(|| Some(field.label())),
        }
    }
}

/// The number that these digits write, if there are at least one and at most `most` of them.
fn digits(text: &[u8], most: usize) -> Option<u64> {
    if text.is_empty() || text.len() > most {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests;
