//! `Retry-After`.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderValue,
    header::{DATE, RETRY_AFTER},
};

/// RFC 9110 §10.2.3: seconds, or a date. A date is meant by the upstream's clock, which its `Date`
/// shows; without one, ours has to do.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    let now = headers.get(DATE).and_then(date).unwrap_or_else(SystemTime::now);
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn read(headers: &[(http::HeaderName, &'static str)]) -> Option<u64> {
        let headers = headers.iter().cloned();
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        retry_after(&headers.collect()).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read_and_junk_is_not() {
        let after = |value| read(&[(RETRY_AFTER, value)]);
        assert_eq!(read(&[]), None);
        assert_eq!(after(" 30 "), Some(30));
        assert_eq!(after("99999999999999999999999"), Some(u64::MAX));
        for junk in ["", "-1", "+3", "1.5", "soon", "3 s", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(after(junk), None, "{junk}");
        }
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(after(date), Some(0), "long ago");
        let dates = [(RETRY_AFTER, date), (DATE, "Sun, 06 Nov 1994 08:49:07 GMT")];
        assert_eq!(read(&dates), Some(30), "by the upstream's own clock");
    }
}
