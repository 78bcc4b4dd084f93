//! The fields that tell a caller where it stands.
//!
//! Two of them, or three, written into a buffer on the stack and copied once. What a bucket is to
//! them: `q` units for each window of `w` seconds, `r` units left, and `t` seconds.
//!
//! `t` is chosen so that `r` in `t` seconds is never more than the quota's rate. A caller who paces
//! itself by the two then neither runs into a refusal nor takes a day's quota in a second, which a
//! bucket that tells when its next unit comes would invite it to. With nothing left it is the time
//! to the next unit, and on a refusal the time of `Retry-After`.

#![expect(single_use_lifetimes, reason = "`impl Iterator<Item = Item<'_>>` is not stable yet")]

mod text;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

use self::text::{Text, number};
use crate::{Level, Quota};

/// Which fields an answer carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fields {
    /// `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-11: RFC 9651
    /// lists, one item for each policy. The default.
    #[default]
    Draft11,
    /// `RateLimit-Limit`, `-Remaining` and `-Reset` of its sixth draft: the tightest policy.
    Draft6,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the last in seconds from now.
    XRateLimit,
    /// The same with the moment of the reset, in seconds since 1970.
    XRateLimitEpoch,
    /// None. A limiter then allocates nothing for a request that passes.
    None,
}

/// What a policy contributes.
#[derive(Clone)]
pub(crate) enum Item<'a> {
    Rate {
        name: &'a str,
        level: Level,
        /// How long until the refused units are there: what `Retry-After` is made of.
        refused: Option<Duration>,
    },
    Permits {
        name: &'a str,
        each: u32,
        left: u32,
    },
}

/// The fields of one answer.
#[derive(Debug, Default)]
pub(crate) enum Lines {
    #[default]
    None,
    Draft {
        policy: HeaderValue,
        limit: HeaderValue,
    },
    Triple {
        names: &'static [HeaderName; 3],
        values: [u64; 3],
    },
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static DRAFT_6: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];
static X_RATE_LIMIT: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

impl Fields {
    /// The fields for these items; `policy` is the first line, where it was written before.
    pub(crate) fn lines<'a>(
        self,
        items: impl Iterator<Item = Item<'a>> + Clone,
        policy: Option<&HeaderValue>,
    ) -> Lines {
        match self {
            Self::None => Lines::None,
            Self::Draft11 => {
                let mut limit = Text::new();
                for item in items.clone() {
                    limit.separate();
                    item.write_limit(&mut limit);
                }
                if limit.is_empty() {
                    return Lines::None;
                }
                Lines::Draft {
                    policy: policy.cloned().unwrap_or_else(|| policy_line(items)),
                    limit: limit.into_value(),
                }
            }
            Self::Draft6 => triple(items, &DRAFT_6, 0),
            Self::XRateLimit => triple(items, &X_RATE_LIMIT, 0),
            Self::XRateLimitEpoch => {
                let epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
                triple(items, &X_RATE_LIMIT, epoch)
            }
        }
    }
}

/// The line of `RateLimit-Policy` for these items.
pub(crate) fn policy_line<'a>(items: impl Iterator<Item = Item<'a>>) -> HeaderValue {
    let mut text = Text::new();
    for item in items {
        text.separate();
        item.write_policy(&mut text);
    }
    text.into_value()
}

/// The form without room for several: the policy that leaves the least.
fn triple<'a>(
    items: impl Iterator<Item = Item<'a>>,
    names: &'static [HeaderName; 3],
    epoch: u64,
) -> Lines {
    let standing = |item: &Item<'_>| (item.remaining(), u64::MAX - item.window());
    let Some(tightest) = items.min_by_key(standing) else {
        return Lines::None;
    };
    let values = [tightest.quota(), tightest.remaining(), tightest.window().saturating_add(epoch)];
    Lines::Triple { names, values }
}

impl Lines {
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Adds the fields to an answer.
    ///
    /// The lines of the draft are lists, to which limiters further out add theirs. Of the threes
    /// the one that leaves less stays.
    pub(crate) fn insert_into(self, headers: &mut HeaderMap) {
        match self {
            Self::None => {}
            Self::Draft { policy, limit } => {
                headers.append(POLICY, policy);
                headers.append(LIMIT, limit);
            }
            Self::Triple { names, values } => {
                let there = headers.get(&names[1]).and_then(|value| value.to_str().ok());
                let there = there.and_then(|text| text.parse::<u64>().ok());
                if there.is_none_or(|there| values[1] < there) {
                    for (name, value) in names.iter().zip(values) {
                        headers.insert(name.clone(), number(value));
                    }
                }
            }
        }
    }
}

impl Item<'_> {
    fn quota(&self) -> u64 {
        match self {
            Self::Rate { level, .. } => window(level.quota()).0,
            Self::Permits { each, .. } => u64::from(*each),
        }
    }

    fn remaining(&self) -> u64 {
        match self {
            Self::Rate { level, .. } => level.remaining(),
            Self::Permits { left, .. } => u64::from(*left),
        }
    }

    /// `t`, rounded up as `Retry-After` is.
    fn window(&self) -> u64 {
        match self {
            Self::Rate { refused: Some(wait), .. } => seconds_up(*wait),
            Self::Rate { level, .. } => seconds_up(level.window_of_remaining()),
            Self::Permits { .. } => 1,
        }
    }

    fn write_policy(&self, text: &mut Text) {
        match self {
            Self::Rate { name, level, .. } => {
                let (quota, seconds) = window(level.quota());
                text.name(name);
                text.parameter(b";q=", quota);
                text.parameter(b";w=", seconds);
                // The draft has no word for a burst that is not the quota; a parameter of one's own
                // needs a prefix.
                if level.quota().max_burst() != level.quota().count() {
                    text.parameter(b";tr-burst=", level.quota().max_burst());
                }
            }
            Self::Permits { name, each, .. } => {
                text.name(name);
                text.parameter(b";q=", u64::from(*each));
                text.put(b";qu=\"concurrent-requests\"");
            }
        }
    }

    fn write_limit(&self, text: &mut Text) {
        match self {
            Self::Rate { name, .. } => {
                text.name(name);
                text.parameter(b";r=", self.remaining());
                text.parameter(b";t=", self.window());
            }
            Self::Permits { name, left, .. } => {
                text.name(name);
                text.parameter(b";r=", u64::from(*left));
            }
        }
    }
}

/// A quota in whole seconds, which is all that the fields can say: a window of less becomes one
/// second with as much more, rounded down.
fn window(quota: &Quota) -> (u64, u64) {
    let nanos = quota.period().as_nanos();
    let seconds = seconds_up(quota.period()).max(1);
    if nanos == u128::from(seconds) * 1_000_000_000 {
        return (quota.count(), seconds);
    }
    let scaled = u128::from(quota.count()) * u128::from(seconds) * 1_000_000_000 / nanos.max(1);
    (u64::try_from(scaled).unwrap_or(u64::MAX), seconds)
}

fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(all(test, not(loom)))]
mod tests;
