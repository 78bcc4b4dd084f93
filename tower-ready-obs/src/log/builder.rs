use std::{fmt, time::Duration};

use http::{HeaderName, header};

use super::{AccessLog, access_log::Choice};
use crate::{ConfigError, ConfigErrorKind, trace::Sampler};

/// Says what is logged of each request.
#[must_use = "a log has to be given to a policy"]
pub struct AccessLogBuilder {
    ratio: f64,
    slow: Option<Duration>,
    slow_for: Option<Choice>,
    headers: Vec<String>,
    query: Vec<Box<str>>,
}

/// Headers that let whoever reads them in as somebody else.
const SECRET: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    header::SET_COOKIE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-amz-security-token"),
];

impl AccessLogBuilder {
    pub(super) const fn new() -> Self {
        Self { ratio: 1.0, slow: None, slow_for: None, headers: Vec::new(), query: Vec::new() }
    }

    /// Which share of the requests that went well has a line, from 0.0 to 1.0. Those that failed, broke
    /// off, were given up by their caller, or were slow always have one. Services with the same share
    /// log the same traces. Default: all.
    pub const fn sample(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// From which time on a request is slow: then there is a line at `WARN` too, which says how long
    /// its head and its body took. Default: never.
    pub const fn slow(mut self, threshold: Duration) -> Self {
        self.slow = Some(threshold);
        self
    }

    /// Chooses another time for some routes; `Duration::MAX` for those that may last. Default: none.
    pub fn slow_for(
        mut self,
        choose: impl Fn(Option<&str>) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.slow_for = Some(Box::new(choose));
        self
    }

    /// Logs this header of requests, the first eight if a caller repeats it, each cut after 256 bytes.
    /// Default: none.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(name.into());
        self
    }

    /// Logs this parameter of queries. All others are left out, with their names, and signatures of
    /// clouds are shown as `REDACTED`. Default: none.
    pub fn query(mut self, name: impl Into<Box<str>>) -> Self {
        self.query.push(name.into());
        self
    }

    pub(crate) fn build(self) -> Result<AccessLog, ConfigError> {
        let failed = |kind| Err(ConfigError::new(kind));
        if self.slow == Some(Duration::ZERO) {
            return failed(ConfigErrorKind::Slow);
        }
        let mut headers = Vec::with_capacity(self.headers.len());
        for text in self.headers {
            let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
                return failed(ConfigErrorKind::Header(text));
            };
            if SECRET.contains(&name) {
                return failed(ConfigErrorKind::SecretHeader(text));
            }
            headers.push(name);
        }
        let is_bad = |name: &str| {
            name.is_empty() || name.contains(|c: char| matches!(c, '&' | '=') || c.is_control())
        };
        if let Some(bad) = self.query.iter().find(|name| is_bad(name)) {
            return failed(ConfigErrorKind::Query(String::from(&**bad)));
        }
        Ok(AccessLog {
            sampler: Sampler::new(self.ratio, "access_log sample")?,
            slow: self.slow,
            slow_for: self.slow_for,
            headers,
            query: self.query,
        })
    }
}

impl fmt::Debug for AccessLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLogBuilder")
            .field("sample", &self.ratio)
            .field("slow", &self.slow)
            .field("headers", &self.headers)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
