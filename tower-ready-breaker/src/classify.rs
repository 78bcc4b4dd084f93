use http::{Extensions, HeaderMap, StatusCode};
use tower_ready_core::{End, Outcome};

/// What an answer says about the health of who gave it, where you know better than the standard.
///
/// A closure over the head is one. `None` leaves it to what
/// [`Verdict`](tower_ready_core::Verdict) makes of heads, trailers and ends; so does a panic, which
/// is caught.
///
/// ```
/// use http::StatusCode;
/// use tower_ready_breaker::{Answer, Breaker};
/// use tower_ready_core::Outcome;
///
/// // Behind this gateway a 404 means that the backend has lost its data.
/// let breaker = Breaker::builder("orders").classify(|answer: &Answer<'_>| {
///     (answer.status() == StatusCode::NOT_FOUND).then_some(Outcome::Failure)
/// });
/// # breaker.build().unwrap();
/// ```
pub trait Classify: Send + Sync + 'static {
    /// Judges by the head alone. What is said here is final: the body is not waited for.
    fn head(&self, answer: &Answer<'_>) -> Option<Outcome> {
        let _ = answer;
        None
    }

    /// Judges by the end: of the body, or of a call that failed with an error.
    fn end(&self, end: &End<'_>) -> Option<Outcome> {
        let _ = end;
        None
    }
}

impl<F> Classify for F
where
    F: Fn(&Answer<'_>) -> Option<Outcome> + Send + Sync + 'static,
{
    fn head(&self, answer: &Answer<'_>) -> Option<Outcome> {
        self(answer)
    }
}

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) extensions: &'a Extensions,
}

impl<'a> Answer<'a> {
    /// The status; over gRPC it is 200 for failures too.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}
