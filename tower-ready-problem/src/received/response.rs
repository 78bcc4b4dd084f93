use http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE};
use tower_ready_core::RequestId;

use super::ProblemDetails;
use crate::foreign::{is_media_type, retry_after};

impl ProblemDetails {
    /// The problem that an answer tells of, or none if its status is below 400.
    ///
    /// The body is read where it says to be `application/problem+json`. Any other error answer is a
    /// problem of which no more is known than its status: a member `status` or `type` in somebody's
    /// own JSON means whatever they like. Where the problem says another status than the answer
    /// has, something between changed it, and the problem's own is what the sender meant
    /// (RFC 9457 §3.1.2).
    ///
    /// `Retry-After` is read as seconds, and `x-request-id` where the body names no request.
    ///
    /// ```
    /// use http::Response;
    /// use tower_ready_problem::{ProblemDetails, types};
    ///
    /// let answer = Response::builder()
    ///     .status(429)
    ///     .header("content-type", "application/problem+json")
    ///     .header("retry-after", "3")
    ///     .body(r#"{"code":"QUOTA_EXCEEDED","plan":"free"}"#)?;
    ///
    /// let problem = ProblemDetails::from_response(&answer).ok_or("no error")?;
    /// assert!(problem.is(&types::QUOTA_EXCEEDED));
    /// assert_eq!(problem.retry_after.map(|delay| delay.as_secs()), Some(3));
    /// assert_eq!(problem.member("plan"), Some(&"free".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_response<B: AsRef<[u8]>>(response: &Response<B>) -> Option<Self> {
        let status = response.status();
        if status.as_u16() < 400 {
            return None;
        }
        let headers = response.headers();
        let body = response.body().as_ref();
        let mut problem = Some(body)
            .filter(|_| is_problem_json(headers))
            .and_then(|body| Self::from_json(body).ok())
            .unwrap_or_else(Self::new);
        problem.status.get_or_insert(status);
        problem.retry_after = retry_after(headers);
        if problem.request_id.is_none() {
            problem.request_id = RequestId::of(headers).map(|id| id.as_str().to_owned());
        }
        Some(problem)
    }
}

fn is_problem_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type
        .is_some_and(|content_type| is_media_type(content_type, b"application/problem+json"))
}
