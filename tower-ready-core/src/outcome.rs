//! What an exchange says about the health of the service that answered.

use std::{any::Any, error::Error, io, time::Duration};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

use crate::{End, LocalRejection, Protocol, grpc::Code, lookup};

/// What an exchange says about the health of the service that answered.
///
/// It is the caller's view: a `404` or an `INVALID_ARGUMENT` shows a peer that is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "who decides by outcome has to decide on each")]
pub enum Outcome {
    /// The peer is well.
    Success,
    /// The peer failed.
    Failure,
    /// Nothing was learnt: the caller went away, or the answer was not the peer's.
    Ignored,
    /// The peer is alive and asks for less, perhaps for this long.
    RateLimited(Option<Duration>),
}

/// What the head of an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the head tells, or it does not")]
pub enum Verdict {
    /// The outcome is known.
    Known(Outcome),
    /// The end of the exchange decides.
    AtEnd(Pending),
}

/// An answer whose head was good, and whose end is yet to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    grpc: bool,
    hurried: bool,
}

/// Marks an answer to somebody in a hurry, in the extensions of the response: should it end for want
/// of time, that says nothing of the peer.
///
/// An answer that ends so in its head is marked with a [`LocalRejection`] instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a mark says nothing but that it is there")]
pub struct Hurried;

impl Verdict {
    /// Judges the head of an answer.
    ///
    /// An answer with a [`LocalRejection`] was made on this side and is ignored. A gRPC answer is
    /// judged by its code, which stands in the head when there is no body, and else in the
    /// trailers.
    #[must_use]
    pub fn of_head<B>(response: &Response<B>) -> Self {
        if response.extensions().get::<LocalRejection>().is_some() {
            return Self::Known(Outcome::Ignored);
        }
        let headers = response.headers();
        let grpc = match lookup(headers, &CONTENT_TYPE).map(HeaderValue::as_bytes) {
            // Most answers: whoever names another type has no code to look for.
            Some(value) if !Protocol::may_be_grpc(value) => false,
            value => {
                if let Some(code) = Code::among(headers) {
                    return Self::Known(Outcome::of_code(code, headers));
                }
                // gRPC-Web writes its trailers into the body, so for it a complete body is all that
                // can be seen.
                value.and_then(Protocol::of_content_type).is_some_and(Protocol::is_grpc)
            }
        };
        match Outcome::of_status(response.status(), headers) {
            Outcome::Success => {
                let hurried = response.extensions().get::<Hurried>().is_some();
                Self::AtEnd(Pending { grpc, hurried })
            }
            outcome => Self::Known(outcome),
        }
    }
}

impl Pending {
    /// Judges the end of an answer.
    ///
    /// A gRPC answer that ends without a code was cut short, whatever else it says.
    #[must_use]
    pub fn outcome(self, end: &End<'_>) -> Outcome {
        match end {
            End::Trailers(trailers) => match Code::among(trailers) {
                Some(Code::DeadlineExceeded) if self.hurried => Outcome::Ignored,
                Some(code) => Outcome::of_code(code, trailers),
                None if self.grpc => Outcome::Failure,
                None => Outcome::Success,
            },
            End::Complete if self.grpc => Outcome::Failure,
            End::Complete => Outcome::Success,
            End::Error(error) if self.hurried && is_timeout(*error) => Outcome::Ignored,
            End::Error(_) | End::Panicked => Outcome::Failure,
            End::Dropped => Outcome::Ignored,
        }
    }
}

impl Outcome {
    /// The outcome that an HTTP status stands for.
    ///
    /// A peer that answers `501` or `505` is well: it does not know the method or the version.
    #[must_use]
    pub fn of_status(status: StatusCode, headers: &HeaderMap) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited(retry_after(headers)),
            StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Self::Success,
            status if status.is_server_error() => Self::Failure,
            _ => Self::Success,
        }
    }

    /// The outcome that a gRPC code stands for.
    #[must_use]
    pub fn of_code(code: Code, metadata: &HeaderMap) -> Self {
        match code {
            Code::ResourceExhausted => Self::RateLimited(pushback(metadata)),
            Code::Unavailable
            | Code::Internal
            | Code::DeadlineExceeded
            | Code::Unknown
            | Code::DataLoss => Self::Failure,
            Code::Cancelled | Code::Aborted => Self::Ignored,
            _ => Self::Success,
        }
    }
}

/// Whether a body broke off for want of time, as the errors of those who watch over it say.
#[cold]
fn is_timeout(error: &(dyn Any + 'static)) -> bool {
    let error = error.downcast_ref::<Box<dyn Error + Send + Sync>>();
    let mut source = error.map(|error| &**error as &(dyn Error + 'static));
    while let Some(error) = source {
        let known = error.downcast_ref::<io::Error>();
        if known.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        source = error.source();
    }
    false
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). Its other form, a date, needs a clock that the two
/// sides share, and is left aside.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// `grpc-retry-pushback-ms` (gRPC proposal A6). A negative value forbids retries and names no time.
fn pushback(metadata: &HeaderMap) -> Option<Duration> {
    let value = metadata.get("grpc-retry-pushback-ms")?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn head(status: u16, headers: &[(&'static str, &'static str)]) -> Verdict {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Verdict::of_head(&response.body(()).unwrap())
    }

    const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

    #[test]
    fn a_failure_in_the_head_is_known_at_once() {
        for status in [500, 502, 503, 504, 507] {
            assert_eq!(head(status, &[]), Verdict::Known(Outcome::Failure), "{status}");
        }
        assert_eq!(
            head(429, &[("retry-after", "7")]),
            Verdict::Known(Outcome::RateLimited(Some(Duration::from_secs(7))))
        );
        assert_eq!(head(429, &[]), Verdict::Known(Outcome::RateLimited(None)));
    }

    #[test]
    fn any_other_answer_is_decided_by_its_end() {
        for status in [200, 204, 301, 400, 404, 408, 501, 505] {
            let Verdict::AtEnd(pending) = head(status, &[]) else { panic!("{status} is known") };
            assert_eq!(pending.outcome(&End::Complete), Outcome::Success);
            assert_eq!(pending.outcome(&End::Trailers(&HeaderMap::new())), Outcome::Success);
            assert_eq!(pending.outcome(&End::Error(&())), Outcome::Failure);
            assert_eq!(pending.outcome(&End::Panicked), Outcome::Failure);
            assert_eq!(pending.outcome(&End::Dropped), Outcome::Ignored);
        }
    }

    #[test]
    fn a_grpc_answer_without_a_body_tells_its_code_in_the_head() {
        for (code, outcome) in [
            ("0", Outcome::Success),
            ("5", Outcome::Success),
            ("14", Outcome::Failure),
            ("4", Outcome::Failure),
            ("1", Outcome::Ignored),
            ("8", Outcome::RateLimited(None)),
            ("nonsense", Outcome::Failure),
        ] {
            assert_eq!(
                head(200, &[GRPC, ("grpc-status", code)]),
                Verdict::Known(outcome),
                "{code}"
            );
        }
    }

    #[test]
    fn a_grpc_stream_is_judged_by_its_trailers() {
        let Verdict::AtEnd(pending) = head(200, &[GRPC]) else { panic!("known too early") };
        let mut trailers = HeaderMap::new();
        assert_eq!(pending.outcome(&End::Complete), Outcome::Failure);
        assert_eq!(pending.outcome(&End::Trailers(&trailers)), Outcome::Failure);
        trailers.insert("grpc-status", HeaderValue::from_static("8"));
        trailers.insert("grpc-retry-pushback-ms", HeaderValue::from_static("250"));
        assert_eq!(
            pending.outcome(&End::Trailers(&trailers)),
            Outcome::RateLimited(Some(Duration::from_millis(250)))
        );
    }

    #[test]
    fn our_own_rejection_is_never_the_peers_failure() {
        let mut response = Response::builder().status(503).body(()).unwrap();
        response.extensions_mut().insert(LocalRejection::new("shed", "overloaded"));
        assert_eq!(Verdict::of_head(&response), Verdict::Known(Outcome::Ignored));
    }

    #[test]
    fn an_answer_that_ends_for_want_of_time_is_ignored_if_its_caller_was_in_a_hurry() {
        let timed_out: Box<dyn Error + Send + Sync> =
            io::Error::from(io::ErrorKind::TimedOut).into();
        let reset: Box<dyn Error + Send + Sync> =
            io::Error::from(io::ErrorKind::ConnectionReset).into();
        let trailers =
            |code| HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), code)]);
        let late = trailers(HeaderValue::from_static("4"));
        let down = trailers(HeaderValue::from_static("14"));
        for (is_hurried, expected) in [(true, Outcome::Ignored), (false, Outcome::Failure)] {
            let mut response = Response::builder().header(CONTENT_TYPE, GRPC.1).body(()).unwrap();
            if is_hurried {
                response.extensions_mut().insert(Hurried);
            }
            let Verdict::AtEnd(pending) = Verdict::of_head(&response) else {
                panic!("known too early")
            };
            assert_eq!(pending.outcome(&End::Trailers(&late)), expected);
            assert_eq!(pending.outcome(&End::Error(&timed_out)), expected);
            assert_eq!(pending.outcome(&End::Trailers(&down)), Outcome::Failure);
            assert_eq!(pending.outcome(&End::Error(&reset)), Outcome::Failure);
        }
    }
}
