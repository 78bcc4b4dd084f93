use std::time::Duration;

use tower_ready_ratelimit::Quota;

use super::duration::duration;

/// Reads `N/DURATION[;burst=B]`.
pub(crate) fn quota(text: &str) -> Result<Quota, String> {
    let quota = read(text).ok_or_else(|| {
        format!("{text:?} is no quota: write N/DURATION, such as 100/1s or 100/1s;burst=20")
    })?;
    quota.check().map_err(|error| format!("{text:?}: {error}"))?;
    Ok(quota)
}

fn read(text: &str) -> Option<Quota> {
    let (rate, burst) = match text.split_once(';') {
        Some((rate, burst)) => (rate, Some(burst.strip_prefix("burst=")?)),
        None => (text, None),
    };
    let (count, period) = count_in_period(rate)?;
    let quota = Quota::new(count, period);
    match burst {
        Some(burst) => Some(quota.burst(number(burst)?)),
        None => Some(quota),
    }
}

/// Reads `N/DURATION`.
pub(super) fn count_in_period(text: &str) -> Option<(u64, Duration)> {
    let (count, period) = text.split_once('/')?;
    Some((number(count)?, duration(period)?))
}

/// Digits alone: no sign, which the standard library would take.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_has_a_count_a_period_and_maybe_a_burst() {
        for (text, expected) in [
            ("100/1s", Quota::per_second(100)),
            ("60/1m", Quota::per_minute(60)),
            ("1/250ms", Quota::new(1, Duration::from_millis(250))),
            ("100/1s;burst=20", Quota::per_second(100).burst(20)),
            ("1000000/1s", Quota::per_second(1_000_000)),
        ] {
            assert_eq!(quota(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_in_one_line() {
        for text in [
            "",
            "100",
            "100/",
            "/1s",
            "100/1",
            "100/s",
            "+1/1s",
            "1/1s;",
            "1/1s;burst",
            "0/1s",
            "1/1s;burst=",
            "1/1s;burst=0",
            "1/0s",
            "1/1s;burst=2;burst=3",
            "1/1s;b=2",
            "1/1s\n",
            "99999999999999999999/1s",
        ] {
            let reason = quota(text).unwrap_err();
            assert!(reason.starts_with(&format!("{text:?}")), "{reason}");
            assert!(!reason.contains('\n'), "{reason}");
        }
    }
}
