//! A problem in the form that its caller understands.

mod base64;
mod connect;
mod details;
mod grpc;
mod http;
mod protobuf;
mod uri;

use std::{mem, time::Duration};

use ::http::{HeaderMap, HeaderValue, Response, header::RETRY_AFTER};
use bytes::Bytes;
use tower_ready_core::{Protocol, RequestId, TraceId};

use crate::{Caller, Problem, json};

/// What an answer says beyond the problem itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// What comes before the name of a type: `/problems/` or an absolute URI.
    pub(crate) base: &'a str,
    /// The domain of gRPC's `ErrorInfo`.
    pub(crate) domain: &'a str,
    pub(crate) path: Option<&'a str>,
    pub(crate) request_id: Option<&'a RequestId>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) error_id: Option<&'a RequestId>,
    pub(crate) options: Options,
}

/// The switches of a [`Problems`](crate::Problems) that rendering obeys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// `instance` is an occurrence URN instead of the path.
    pub(crate) occurrence_urn: bool,
    /// Show what is for the log alone.
    pub(crate) expose_internals: bool,
}

pub(crate) const DEFAULT_BASE: &str = "/problems/";
pub(crate) const DEFAULT_DOMAIN: &str = "tower-ready";

/// As many as an answer has as a rule: room for more makes a map that is dearer to allocate.
const USUAL_HEADERS: usize = 6;

/// A path longer than this is no help in an answer.
const MAX_INSTANCE: usize = 1_024;

impl Default for Context<'_> {
    fn default() -> Self {
        Self {
            base: DEFAULT_BASE,
            domain: DEFAULT_DOMAIN,
            path: None,
            request_id: None,
            trace_id: None,
            error_id: None,
            options: Options::default(),
        }
    }
}

impl Problem {
    /// The answer to this caller, in the protocol that it speaks:
    ///
    /// - HTTP: `application/problem+json` (RFC 9457), with the headers that the status demands;
    /// - gRPC and gRPC-Web: a code, a message and `google.rpc.Status` details in the headers, and no
    ///   body;
    /// - Connect: its JSON error, or for streams an end-of-stream message.
    ///
    /// The problem itself goes along in the extensions of the response, for layers further out.
    #[must_use]
    pub fn answer(self, caller: &Caller) -> Response<Bytes> {
        let carried = caller.request_id();
        let is_new = carried.is_none();
        let request_id = carried.unwrap_or_else(RequestId::generate);
        let context = Context {
            path: caller.path(),
            request_id: Some(&request_id),
            trace_id: caller.trace_id(),
            ..Context::default()
        };
        let mut response = self.render(caller.protocol, caller.head_only, &context, None);
        if is_new {
            let headers = response.headers_mut();
            headers.insert(RequestId::HEADER, request_id.into_header_value());
        }
        response
    }

    /// The body of an answer over HTTP, without anything that is known of its request.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        http::body(self, &Context::default())
    }

    /// Renders, into the headers that an earlier answer leaves behind if there was one.
    pub(crate) fn render(
        self,
        protocol: Protocol,
        head_only: bool,
        context: &Context<'_>,
        earlier: Option<HeaderMap>,
    ) -> Response<Bytes> {
        let mut response = match protocol {
            Protocol::Grpc(_) | Protocol::GrpcWeb(_) | Protocol::GrpcWebText(_) => {
                grpc::answer(&self, protocol, context)
            }
            Protocol::Connect => connect::unary(&self, context),
            Protocol::ConnectStream(codec) => connect::stream(&self, codec, context),
            _ => http::answer(&self, head_only, context),
        };
        let headers = response.headers_mut();
        for (name, value) in &self.0.headers {
            headers.append(name, value.clone());
        }
        if protocol == Protocol::Http {
            http::insert_demanded(headers, self.0.status, earlier.as_ref());
        }
        if let Some(mut kept) = earlier {
            kept.extend(mem::take(headers));
            *headers = kept;
        }
        let extensions = response.extensions_mut();
        if let Some(local) = self.0.local {
            extensions.insert(local);
        }
        extensions.insert(self);
        response
    }
}

impl Context<'_> {
    /// The path, or with the option a URN of this occurrence.
    fn instance(&self) -> Option<[&str; 2]> {
        if self.options.occurrence_urn {
            return self.error_id.map(|id| ["urn:uuid:", id.as_str()]);
        }
        let path = self.path.filter(|path| path.len() <= MAX_INSTANCE)?;
        // RFC 3986 §4.2: two slashes would name another host.
        let here = if path.starts_with("//") { "/." } else { "" };
        Some([here, path])
    }
}

/// RFC 9110 §10.2.3: whole seconds, rounded up, since a caller that comes too early is turned away
/// once more.
fn insert_retry_after(headers: &mut HeaderMap, problem: &Problem) {
    if let Some(delay) = problem.0.retry_after {
        let up = u64::from(delay.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, number(delay.as_secs().saturating_add(up)));
    }
}

/// A number as the value of a header: without an allocation below a hundred, as most waits are, and
/// with one above; `HeaderValue::from` makes two.
fn number(number: u64) -> HeaderValue {
    const PAIRS: &str = "\
        0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
        5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    if let Ok(n @ 0..100) = usize::try_from(number) {
        let start = if n < 10 { 2 * n + 1 } else { 2 * n };
        return HeaderValue::from_static(&PAIRS[start..2 * n + 2]);
    }
    let text = json::scratch(|buffer| {
        json::Writer::new(buffer).unsigned(number);
        HeaderValue::from_bytes(buffer)
    });
    // Digits are a header value, so this cannot fail.
    text.unwrap_or_else(|_| HeaderValue::from_static("0"))
}

/// Whole milliseconds, rounded up.
fn millis_up(delay: Duration) -> u64 {
    u64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The start of a text, cut between characters.
fn truncated(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The message and the encoded details of a gRPC status, without anything of a request.
#[cfg(feature = "tonic")]
pub(crate) fn status_parts(problem: &Problem) -> (String, Bytes) {
    let status = problem.0.status_details.clone().unwrap_or_else(|| {
        let mut status = Vec::new();
        details::status(&mut status, problem, &Context::default());
        Bytes::from(status)
    });
    (grpc::message(problem).to_owned(), status)
}

/// The value of `grpc-retry-pushback-ms`.
pub(crate) fn pushback(problem: &Problem) -> Option<HeaderValue> {
    if problem.0.is_final {
        return Some(HeaderValue::from_static("-1"));
    }
    problem.0.retry_after.map(|delay| number(millis_up(delay)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are() {
        for n in (0..1_000).chain([u64::MAX]) {
            assert_eq!(number(n), n.to_string().as_str());
        }
    }
}
