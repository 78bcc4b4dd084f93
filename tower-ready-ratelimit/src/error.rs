//! What can be wrong with a configuration.

use std::{error::Error, fmt};

use crate::key::CidrError;

/// A limiter, a store or a key was configured in a way that cannot work.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    policy: Option<Box<str>>,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A quota cannot be held.
    Quota(QuotaError),
    /// A store for no keys, or for more than any machine holds.
    Capacity,
    /// A trusted proxy is no range of addresses.
    Proxy(CidrError),
    /// Both the hops and the ranges of the proxies are given.
    HopsAndProxies,
    /// A prefix is longer than an address.
    Prefix,
    /// A limiter without a policy.
    NoPolicy,
    /// A limiter with more policies than a store takes from as one.
    TooManyPolicies,
    /// The name of a policy cannot be written into a field.
    Name,
    /// Two policies have one name.
    DuplicateName,
    /// A policy of no permits.
    NoPermits,
    /// A policy of permits with a setting that is about units.
    PermitsOnly,
    /// A penalty without a time, or whose longest wait is shorter than its first.
    Penalty,
    /// A store that instances share, and no secret that they share.
    NoSecret,
    /// What the names of all keys of a store begin with is not plain.
    KeyPrefix,
    /// The time that a store has for a decision is too short or too long.
    Deadline,
    /// The life of a lease is too short or too long.
    Lease,
    /// No instance shares a store.
    Instances,
    /// The URL of a server is none, or wants what was not compiled in.
    RedisUrl,
    /// A store beyond a socket was made outside of a runtime.
    NoRuntime,
    /// There is no policy of this name, or it is not one of a quota.
    UnknownPolicy,
}

impl ConfigError {
    pub(crate) const fn new(kind: ConfigErrorKind) -> Self {
        Self { kind, policy: None }
    }

    pub(crate) fn of_policy(kind: ConfigErrorKind, policy: &str) -> Self {
        Self { kind, policy: Some(policy.into()) }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &ConfigErrorKind {
        &self.kind
    }

    /// The policy in question, if it is one.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(policy) = self.policy() {
            write!(f, "policy {policy:?}: ")?;
        }
        f.write_str(match &self.kind {
            ConfigErrorKind::Quota(error) => return write!(f, "quota: {error}"),
            ConfigErrorKind::Proxy(error) => return write!(f, "trust: {error}"),
            ConfigErrorKind::Capacity => {
                "the store has room for no keys, or for more than a billion: give it one for each \
                 caller that may be active at a time"
            }
            ConfigErrorKind::HopsAndProxies => {
                "hops and trust are both set: count the proxies or name them, not both"
            }
            ConfigErrorKind::Prefix => {
                "the prefix is longer than an address: use at most 32 bits for IPv4, 128 for IPv6"
            }
            ConfigErrorKind::NoPolicy => "the limiter has no policy: add one with policy(..)",
            ConfigErrorKind::TooManyPolicies => {
                "the limiter has more than 8 policies: put some into a second limiter"
            }
            ConfigErrorKind::Name => {
                "the name of a policy has 1 to 64 characters of A-Z a-z 0-9 . _ ~ -: choose another"
            }
            ConfigErrorKind::NoPermits => {
                "concurrent: no request may be served at a time, which refuses everything: allow \
                 at least one"
            }
            ConfigErrorKind::PermitsOnly => {
                "a policy of permits has no cost, plans, counts, settle, debt, delay or shadow: put them into a \
                 policy of their own"
            }
            ConfigErrorKind::Penalty => {
                "penalty: the first wait is zero or longer than the longest: use 0 < first <= longest"
            }
            ConfigErrorKind::NoSecret => {
                "instances share the store, but each would hash its callers by a random secret and \
                 have buckets of its own: give all of them the same secret(..)"
            }
            ConfigErrorKind::KeyPrefix => {
                "prefix: it has 1 to 64 characters of A-Z a-z 0-9 . _ : -: choose another"
            }
            ConfigErrorKind::Deadline => {
                "deadline: use one between a millisecond and ten seconds, 25 to 50 ms if you can"
            }
            ConfigErrorKind::Lease => {
                "lease: use one of 100 ms to a minute that is at least four times the deadline"
            }
            ConfigErrorKind::Instances => "instances: there is at least this one: use 1 or more",
            ConfigErrorKind::RedisUrl => {
                "the URL of Redis is none: use redis://[user:password@]host[:port][/db], or rediss:// \
                 with the feature `redis-tls`"
            }
            ConfigErrorKind::NoRuntime => {
                "there is no tokio runtime: connect the store inside of one"
            }
            ConfigErrorKind::UnknownPolicy => {
                "there is no policy of this name with a quota: use the name that it was made with"
            }
            ConfigErrorKind::DuplicateName => "two policies have this name: rename one of them",
        })
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

impl Error for ConfigError {}

/// Why a [`Quota`](crate::Quota) cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaError {
    /// The count is zero.
    ZeroCount,
    /// The burst is zero.
    ZeroBurst,
    /// The period is zero, or longer than 584 years.
    Period,
    /// A burst takes more than 18 years to refill.
    TooLong,
    /// The rate needs finer parts of a nanosecond than an entry of a store can hold.
    TooFine,
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroCount => "the count is zero, which refuses everything: use at least one",
            Self::ZeroBurst => "the burst is zero, which refuses everything: use at least one",
            Self::Period => "the period is zero or longer than 584 years: use one in between",
            Self::TooLong => {
                "a burst takes more than 18 years to refill: use a shorter period or a smaller burst"
            }
            Self::TooFine => {
                "the rate cannot be held exactly: use a rounder count, so that the reduced fraction \
                 of count and period in nanoseconds has at most 16,777,216 above"
            }
        })
    }
}

impl Error for QuotaError {}
