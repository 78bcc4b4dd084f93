//! Error answers of others: which of them become problems, and what is taken from them.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
        CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, ETAG, LAST_MODIFIED, RETRY_AFTER, TRAILER,
        TRANSFER_ENCODING,
    },
    response::Parts,
};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::{Protocol, grpc::Code};

use crate::{Problem, panic, problems::Config, types};

/// What is to be done with an answer of the inner service.
pub(crate) enum Foreign {
    /// It is none of our business.
    Pass,
    /// It is a problem that something inside has answered already.
    Ours,
    /// It is a bare error, whose text is worth reading up to this length.
    Text { max: usize, protocol: Protocol },
    /// It is a bare error, whose body says nothing that callers may see.
    Bare,
}

/// Judges an answer by its head.
#[inline]
pub(crate) fn examine<B: Body>(
    response: &Response<B>,
    protocol: Protocol,
    config: &Config,
) -> Foreign {
    let is_error = response.status().as_u16() >= 400;
    if !is_error && protocol == Protocol::Http {
        return Foreign::Pass;
    }
    if is_ours(response.extensions()) {
        return Foreign::Ours;
    }
    if is_error && config.rewrite {
        examine_error(response, protocol, config)
    } else {
        Foreign::Pass
    }
}

fn examine_error<B: Body>(response: &Response<B>, protocol: Protocol, config: &Config) -> Foreign {
    let headers = response.headers();
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_text = content_type
        .is_none_or(|content_type| is_media_type(content_type, b"text/plain"))
        && !headers.contains_key(CONTENT_ENCODING);
    let is_in_form = match protocol {
        Protocol::Http => !is_text,
        Protocol::Connect => content_type
            .is_some_and(|content_type| is_media_type(content_type, b"application/json")),
        // No gRPC client understands any body here, so only a code shows that this is meant.
        _ => headers.contains_key("grpc-status"),
    };
    let length = response.body().size_hint();
    if is_in_form {
        Foreign::Pass
    } else if response.body().is_end_stream() || length.exact() == Some(0) {
        Foreign::Bare
    } else if is_text && length.upper().is_some_and(|length| length <= config.max_text as u64) {
        Foreign::Text { max: config.max_text, protocol }
    } else if protocol == Protocol::Http && response.status().is_client_error() {
        // A long or endless text to a caller who erred tells no secret: leave it alone.
        Foreign::Pass
    } else {
        Foreign::Bare
    }
}

/// Whether a problem of ours goes along with an answer.
fn is_ours(extensions: &Extensions) -> bool {
    #[cfg(feature = "tonic")]
    if crate::tonic::is_in(extensions) {
        return true;
    }
    extensions.get::<Problem>().is_some()
}

/// Takes the problem that goes along with an answer.
pub(crate) fn take_ours(extensions: &mut Extensions) -> Option<Problem> {
    #[cfg(feature = "tonic")]
    if let Some(problem) = crate::tonic::take_from(extensions) {
        return Some(problem);
    }
    extensions.remove()
}

/// Whether a content type is this media type, whatever its parameters.
pub(crate) fn is_media_type(content_type: &[u8], media_type: &[u8]) -> bool {
    content_type.split_at_checked(media_type.len()).is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(media_type) && matches!(rest.first(), None | Some(b';' | b' '))
    })
}

pin_project! {
    /// A bare error whose text is being read.
    pub(crate) struct Reading<B> {
        parts: Option<Parts>,
        #[pin]
        body: B,
        text: Vec<u8>,
        max_text: usize,
        protocol: Protocol,
    }
}

impl<B> Reading<B> {
    pub(crate) fn new(response: Response<B>, max_text: usize, protocol: Protocol) -> Self {
        let (parts, body) = response.into_parts();
        Self { parts: Some(parts), body, text: Vec::new(), max_text, protocol }
    }
}

impl<B: Body<Data = Bytes>> Reading<B> {
    /// Reads to the end, and returns the problem and the head of the bare answer.
    ///
    /// A body that breaks, or is longer than it said, leaves the problem without its text. One that
    /// panics is a failure, whatever its head said.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(Problem, Parts)> {
        let mut this = self.project();
        let complete = loop {
            let body = this.body.as_mut();
            let polled = match panic::catch(|| body.poll_frame(cx)) {
                Ok(polled) => ready!(polled),
                Err(panicked) => {
                    let problem = Problem::new(&types::INTERNAL).source(panicked);
                    return Poll::Ready((problem, taken(this.parts)));
                }
            };
            match polled {
                None => break true,
                Some(Err(_)) => break false,
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    if this.text.len() + data.len() > *this.max_text {
                        break false;
                    }
                    this.text.extend_from_slice(&data);
                }
            }
        };
        let text = if complete { mem::take(this.text) } else { Vec::new() };
        let parts = taken(this.parts);
        Poll::Ready((problem(&parts, text, *this.protocol), parts))
    }
}

#[expect(clippy::expect_used, reason = "the caller polls once to the end")]
fn taken(parts: &mut Option<Parts>) -> Parts {
    parts.take().expect("`Reading` polled after completion")
}

/// The problem that a bare answer stands for.
///
/// The words of a 4xx are meant for the caller; those of a 5xx are for the log alone.
pub(crate) fn problem(parts: &Parts, text: Vec<u8>, protocol: Protocol) -> Problem {
    let mut problem = Problem::status(parts.status);
    if protocol.has_grpc_codes() && parts.status == StatusCode::NOT_FOUND {
        // A bare 404 is the word of a router: it is the method that is not there, not a thing.
        problem.0.code = Code::Unimplemented;
    }
    if let Some(delay) = retry_after(&parts.headers) {
        problem = problem.retry_after(delay);
    }
    if text.trim_ascii().is_empty() {
        return problem;
    }
    if problem.http_status().is_server_error() {
        return problem.internal(String::from_utf8_lossy(&text).into_owned());
    }
    let Ok(text) = String::from_utf8(text) else {
        return problem;
    };
    // RFC 9110 §15.5.16: say which media type would do. Frameworks say so in their text alone.
    let named = media_type_in(&text).filter(|_| parts.status == StatusCode::UNSUPPORTED_MEDIA_TYPE);
    if let Some(media_type) = named.filter(|_| !parts.headers.contains_key(ACCEPT)) {
        problem = problem.header(ACCEPT, media_type);
    }
    problem.detail(text)
}

/// What of a bare answer's headers is not about its body.
pub(crate) fn kept(mut headers: HeaderMap) -> HeaderMap {
    for name in [
        CONTENT_LENGTH,
        CONTENT_TYPE,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_DISPOSITION,
        CONTENT_LOCATION,
        TRANSFER_ENCODING,
        TRAILER,
        ETAG,
        LAST_MODIFIED,
        ACCEPT_RANGES,
    ] {
        headers.remove(name);
    }
    // RFC 9530, and what came before it: a client that checks would find the answer forged.
    for name in ["content-digest", "repr-digest", "digest", "content-md5"] {
        headers.remove(name);
    }
    headers
}

/// The seconds of a `Retry-After`. One that names a date is left to whoever has a calendar.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn media_type_in(text: &str) -> Option<HeaderValue> {
    let (_, rest) = text.split_once("Content-Type: ")?;
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '+' | '.' | '*');
    let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
    let media_type = rest.get(..end).filter(|media_type| media_type.contains('/'))?;
    HeaderValue::from_str(media_type).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_taken_from_the_words_of_frameworks() {
        for (text, media_type) in [
            ("Expected request with `Content-Type: application/json`", Some("application/json")),
            (
                "Form requests must have `Content-Type: application/x-www-form-urlencoded`",
                Some("application/x-www-form-urlencoded"),
            ),
            ("Content-Type: none", None),
            ("Unsupported", None),
            ("Content-Type: ", None),
        ] {
            let found = media_type_in(text);
            assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), media_type, "{text}");
        }
    }
}
