//! How the values of flags are read: each into what it stands for, or one line that says why not.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use http::{HeaderValue, Uri};
use tower_ready_obs::Edge;
use tower_ready_ratelimit::{OnStoreError, key::Cidr};

use super::{
    duration::duration,
    quota::count_in_period,
    stack::{Origins, TrustHeader},
};
use crate::telemetry::Format;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address: write one such as 127.0.0.1:3000 or [::1]:0"))
}

pub(super) fn period(text: &str) -> Result<Duration, String> {
    duration(text).filter(|period| !period.is_zero()).ok_or_else(|| {
        format!("{text:?} is no time: write digits and ms, s, m, h or d, such as 10s")
    })
}

/// The same, or none at all: `0s`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_secs(60 * 60);
    duration(text).filter(|time| *time <= longest).ok_or_else(|| {
        format!("{text:?} is no time up to an hour: write digits and ms, s or m, such as 8s")
    })
}

pub(super) fn instances(text: &str) -> Result<u64, String> {
    let count = count(text).ok().filter(|count| (1..=10_000).contains(count));
    let count = count.and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(|| format!("{text:?} is no number of instances: write one such as 3"))
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| text.parse().ok()).flatten();
    count.ok_or_else(|| format!("{text:?} is no number: write one such as 512"))
}

pub(super) fn failures(text: &str) -> Result<(u32, Duration), String> {
    let read = || {
        let (count, period) = count_in_period(text)?;
        Some((u32::try_from(count).ok()?, period))
    };
    let is_some = |(count, period): &(u32, Duration)| *count > 0 && !period.is_zero();
    read().filter(is_some).ok_or_else(|| {
        format!("{text:?} is no number of failures in a time: write N/DURATION, such as 60/1m")
    })
}

/// What tokens are compared with, so any text but none.
pub(super) fn word(text: &str) -> Result<String, String> {
    match text {
        "" => Err("is empty: write the text that tokens have there".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("is empty: write the path of a file".to_owned()),
        _ => Ok(text.into()),
    }
}

pub(super) fn ranges(text: &str) -> Result<Vec<String>, String> {
    let range = |range: &str| match range.trim().parse::<Cidr>() {
        Ok(range) => Ok(range.to_string()),
        Err(error) => Err(error.to_string()),
    };
    text.split(',').map(range).collect()
}

pub(super) fn header(text: &str) -> Result<TrustHeader, String> {
    match text {
        "x-forwarded-for" => Ok(TrustHeader::XForwardedFor),
        "forwarded" => Ok(TrustHeader::Forwarded),
        _ => Err(format!("{text:?} is no such header: write x-forwarded-for or forwarded")),
    }
}

/// Origins as browsers write them (RFC 6454 §6.1): a scheme, a host and perhaps a port.
pub(super) fn origins(text: &str) -> Result<Origins, String> {
    let origin = |text: &str| {
        let uri = text.parse::<Uri>().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        // Compared by their letters, so what has more to it would never be met.
        let is_bare = text == format!("{scheme}://{authority}") && !authority.contains('@');
        let value = HeaderValue::from_str(&text.to_ascii_lowercase()).ok()?;
        (is_bare && ["http", "https"].contains(&scheme)).then_some(value)
    };
    if text == "*" {
        return Ok(Origins::Any);
    }
    let origins: Option<Vec<_>> = text.split(',').map(|text| origin(text.trim())).collect();
    origins.map(Origins::These).ok_or_else(|| {
        format!("{text:?} is no list of origins: write * or one such as https://shop.example")
    })
}

pub(super) fn yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("{text:?} is no answer: write yes or no")),
    }
}

/// The client of this example speaks plain HTTP: what is called is in the same network.
pub(super) fn base(text: &str) -> Result<Uri, String> {
    let uri = text.parse::<Uri>().ok().filter(|uri| {
        uri.scheme_str() == Some("http") && uri.authority().is_some() && uri.query().is_none()
    });
    uri.ok_or_else(|| format!("{text:?} is no base URL: write one such as http://127.0.0.1:8080"))
}

/// The URL has a password, perhaps, so it is not shown.
pub(super) fn redis(text: &str) -> Result<String, String> {
    match text.strip_prefix("redis://") {
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        _ => Err("is no URL of a Redis: write one such as redis://127.0.0.1:6379/".to_owned()),
    }
}

/// Whoever waits for longer has given up.
pub(super) fn redis_timeout(text: &str) -> Result<Duration, String> {
    let (least, most) = (Duration::from_millis(1), Duration::from_secs(10));
    duration(text)
        .filter(|time| (least..=most).contains(time))
        .ok_or_else(|| format!("{text:?} is no time from 1ms to 10s: write one such as 100ms"))
}

pub(super) fn leased(text: &str) -> Result<bool, String> {
    match text {
        "exact" => Ok(false),
        "leased" => Ok(true),
        _ => Err(format!("{text:?} is no mode: write exact or leased")),
    }
}

pub(super) fn on_store_error(text: &str) -> Result<OnStoreError, String> {
    match text {
        "share" => Ok(OnStoreError::Share),
        "allow" => Ok(OnStoreError::Allow),
        "deny" => Ok(OnStoreError::Deny),
        _ => Err(format!("{text:?} is no choice: write share, allow or deny")),
    }
}

pub(super) fn edge(text: &str) -> Result<Edge, String> {
    match text {
        "trusted" => Ok(Edge::Trusted),
        "untrusted" => Ok(Edge::Untrusted),
        _ => Err(format!("{text:?} is no edge: write trusted or untrusted")),
    }
}

pub(super) fn format(text: &str) -> Result<Format, String> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(format!("{text:?} is no format: write text or json")),
    }
}
