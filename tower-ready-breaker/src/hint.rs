//! When the peer says that it may be asked again.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{DATE, RETRY_AFTER},
};

const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What the headers or trailers of a failure say, if they say something that can be read.
pub(crate) fn hint(headers: &HeaderMap) -> Option<Duration> {
    let pushback = headers.get(PUSHBACK).and_then(number);
    pushback.map(Duration::from_millis).or_else(|| retry_after(headers.get(RETRY_AFTER)?, headers))
}

/// RFC 9110 §10.2.3: seconds, or a date. A date is meant by the peer's clock, which its `Date`
/// shows; without one, ours has to do.
fn retry_after(value: &HeaderValue, headers: &HeaderMap) -> Option<Duration> {
    if let Some(seconds) = number(value) {
        return Some(Duration::from_secs(seconds));
    }
    let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    let then = date(value)?;
    let now = headers.get(DATE).and_then(date);
    let now = now.unwrap_or_else(SystemTime::now);
    Some(then.duration_since(now).unwrap_or_default())
}

/// Digits alone: a negative pushback (gRPC proposal A6) forbids retries and names no time.
fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        hint(&headers.collect())
    }

    // Scenario 54, its second half.
    #[test]
    fn seconds_dates_and_pushback_are_read_and_junk_is_not() {
        let secs = |secs| Some(Duration::from_secs(secs));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("retry-after", "30")]), secs(30));
        assert_eq!(of(&[("retry-after", "99999999999999999999999")]), secs(u64::MAX));
        for junk in ["", "-1", "+3", "1.5", "soon", "3 s", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(of(&[("retry-after", junk)]), None, "{junk}");
        }
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(of(&[("retry-after", date)]), secs(0), "long ago");
        let dates = [("retry-after", date), ("date", "Sun, 06 Nov 1994 08:49:07 GMT")];
        assert_eq!(of(&dates), secs(30), "by the peer's own clock");
        let pushback = Duration::from_millis(250);
        assert_eq!(of(&[("grpc-retry-pushback-ms", "250")]), Some(pushback));
        assert_eq!(of(&[("grpc-retry-pushback-ms", "-1")]), None);
    }
}
