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
    let mut times = Times::default();
    // A look-up hashes the name, and four of them cost more than one pass over a usual request.
    for (name, value) in headers {
        // Lengths tell most names apart.
        match name.as_str().len() {
            12 if *name == GRPC => times.read(Field::Grpc, value),
            18 if *name == CONNECT => times.read(Field::Connect, value),
            20 if *name == PLAIN => times.read(Field::Plain, value),
            30 if *name == ENVOY => times.read(Field::Envoy, value),
            _ => {}
        }
    }
    if times.seen == 0 { Asked::default() } else { times.shortest() }
}

/// Whether callers of this protocol say it in `grpc-timeout`.
pub(crate) const fn names_grpc_timeout(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Grpc(_) | Protocol::GrpcWeb(_) | Protocol::GrpcWebText(_))
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
    const LABELS: [&'static str; 4] = [
        "grpc-timeout",
        "connect-timeout-ms",
        "x-envoy-expected-rq-timeout-ms",
        "x-request-timeout-ms",
    ];
}

/// What each header says.
#[derive(Default)]
struct Times {
    times: [Option<Duration>; 4],
    /// One bit for each that is there, and for each that makes no sense.
    seen: u8,
    junk: u8,
}

impl Times {
    fn read(&mut self, field: Field, value: &HeaderValue) {
        let bytes = value.as_bytes();
        let time = match field {
            Field::Grpc => grpc::read(bytes),
            _ => millis::read(bytes),
        };
        let bit = 1 << field as u8;
        if time.is_none() || self.seen & bit != 0 {
            self.junk |= bit;
        }
        self.seen |= bit;
        self.times[field as usize] = match (field, time) {
            // A proxy that waits for ever says so with zero.
            (Field::Envoy, Some(Duration::ZERO)) => None,
            _ => time,
        };
    }

    #[cold]
    fn shortest(&self) -> Asked {
        let is_junk = |at: &usize| self.junk & 1 << at != 0;
        let well = (0..4).filter(|at| !is_junk(at));
        let time = well.filter_map(|at| self.times[at]).min();
        let junk = (0..4).find(is_junk).map(|at| Field::LABELS[at]);
        Asked { time, junk }
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
