use std::{fmt, time::Duration};

use ::tracing::Level;
use http::HeaderName;
use tower_ready_core::{Head, TraceId};

use super::{
    AccessLogBuilder,
    text::{bounded_path, push_quoted},
};
use crate::trace::{Outcome, Sampler};

/// What is logged of each request, under the targets `tower_ready_obs::access` and
/// `tower_ready_obs::slow`.
///
/// ```
/// use std::time::Duration;
///
/// use tower_ready_obs::{AccessLog, Tracing};
///
/// let log = AccessLog::builder()
///     .sample(0.01)
///     .slow(Duration::from_millis(500))
///     .header("user-agent")
///     .query("page");
/// let tracing = Tracing::builder().access_log(log).build()?;
/// # Ok::<(), tower_ready_obs::ConfigError>(())
/// ```
pub struct AccessLog {
    pub(super) sampler: Sampler,
    pub(super) slow: Option<Duration>,
    pub(super) slow_for: Option<Choice>,
    pub(super) headers: Vec<HeaderName>,
    pub(super) query: Vec<Box<str>>,
}

pub(super) type Choice = Box<dyn Fn(Option<&str>) -> Option<Duration> + Send + Sync>;

/// How often a header is logged that a caller repeats.
const MAX_VALUES: usize = 8;

/// Parameters that let whoever reads them in, signatures of clouds: OpenTelemetry's conventions for
/// `url.query` name these, by case.
const SECRET: [&str; 7] = [
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
];

pub(super) const ACCESS: &str = "tower_ready_obs::access";
pub(super) const SLOW: &str = "tower_ready_obs::slow";

impl AccessLog {
    /// Starts from the defaults: a line for each request, nothing is slow, no headers, no query.
    pub fn builder() -> AccessLogBuilder {
        AccessLogBuilder::new()
    }

    /// Whether anybody would hear of anything.
    #[inline]
    pub(crate) fn is_heard(&self) -> bool {
        ::tracing::enabled!(target: ACCESS, Level::ERROR)
            || ::tracing::enabled!(target: SLOW, Level::WARN)
    }

    /// The headers that are logged of this request, if it has any.
    pub(crate) fn headers_of(&self, head: &Head<'_>) -> Option<String> {
        let mut text = String::new();
        for name in &self.headers {
            let values = head.headers().get_all(name).iter().filter(|value| !value.is_sensitive());
            for value in values.take(MAX_VALUES) {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(name.as_str());
                text.push('=');
                push_quoted(&mut text, value.as_bytes());
            }
        }
        (!text.is_empty()).then_some(text)
    }

    /// The parameters of a query that are logged, if it has any.
    pub(super) fn query_of(&self, query: &str) -> Option<String> {
        if self.query.is_empty() {
            return None;
        }
        let mut text = String::new();
        for pair in query.split('&') {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            if !self.query.iter().any(|own| **own == *name) {
                continue;
            }
            if !text.is_empty() {
                text.push('&');
            }
            match SECRET.contains(&name) {
                true => text.extend([name, "=REDACTED"]),
                false => text.push_str(pair),
            }
        }
        (!text.is_empty()).then(|| bounded_path(&text).into_owned())
    }

    /// The time above which this route is slow.
    pub(super) fn threshold(&self, route: Option<&str>) -> Option<Duration> {
        let own = self.slow_for.as_ref().and_then(|choose| choose(route));
        own.or(self.slow)
    }

    /// Whether a line is due: always for what failed or was slow, for a share of the rest.
    pub(super) fn keeps(&self, trace_id: TraceId, outcome: &Outcome, is_slow: bool) -> bool {
        is_slow || outcome.error_type.is_some() || self.sampler.chooses(trace_id)
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog")
            .field("sampler", &self.sampler)
            .field("slow", &self.slow)
            .field("headers", &self.headers)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
