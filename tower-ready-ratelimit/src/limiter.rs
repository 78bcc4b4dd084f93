//! The policy object, which is the handle too.

use std::{fmt, ops::Deref, sync::Arc};

use http::HeaderValue;
use tower_ready_core::Instant;

use crate::{
    ConfigError, ConfigErrorKind, Fields, KeyHash, KeyTag, Level, MemoryStore, OnRateLimit, Quota,
    RateLimitLayer, RateLimiterBuilder, Stats,
    event::Event,
    key::KeyBuf,
    policy::Predicate,
    rule::Rule,
    store::{Change, Demand, HotKey, Store},
};

/// Limits how much each caller may call: the policies, their buckets, and the handle to both.
///
/// Clones share everything, and so do all layers made from one limiter, on however many routes and
/// connections. Keep a clone to look into buckets and to swap quotas while it serves.
///
/// ```
/// use tower_ready_ratelimit::{Policy, Quota, RateLimiter, key};
///
/// let tenant = key::header(http::HeaderName::from_static("x-tenant"));
/// let limiter = RateLimiter::builder()
///     .policy(Policy::new("tenant", Quota::per_minute(60)).key(tenant))
///     .build()?;
/// let layer = limiter.layer();
///
/// // Later, by hand:
/// let acme = limiter.bucket("tenant", |key| key.put(b"acme")).expect("it has that policy");
/// assert_eq!(acme.level().remaining(), 60);
/// limiter.swap_quota("tenant", Quota::per_minute(600))?;
/// # Ok::<(), tower_ready_ratelimit::ConfigError>(())
/// ```
pub struct RateLimiter<St: Store = MemoryStore>(pub(crate) Shared<St>);

/// What all clones share.
pub(crate) struct Shared<St: Store>(pub(crate) Arc<Inner<St>>);

pub(crate) struct Inner<St: Store> {
    pub(crate) rules: Box<[Rule]>,
    pub(crate) store: St,
    pub(crate) exempt: Vec<Predicate>,
    pub(crate) fields: Fields,
    /// `RateLimit-Policy`, for a request to which every policy applies with its own quota.
    pub(crate) policy_line: Option<HeaderValue>,
    pub(crate) exposes: bool,
    pub(crate) has_shadows: bool,
    /// One policy of a quota, with nothing that needs more than its bucket.
    pub(crate) is_simple: bool,
    pub(crate) observer: Box<dyn OnRateLimit>,
}

/// The bucket of one key under one policy, for whoever looks after the service.
#[must_use]
pub struct Bucket<St: Store = MemoryStore> {
    limiter: Shared<St>,
    rule: usize,
    key: KeyHash,
}

impl RateLimiter {
    /// Starts from the defaults: a store in memory for a million keys, no policy yet.
    pub fn builder() -> RateLimiterBuilder {
        RateLimiterBuilder::new()
    }

    /// The `count` buckets that are furthest from full, the furthest first, over all policies.
    ///
    /// This walks the whole table, a bucket at a time: some milliseconds for a million keys.
    #[must_use]
    pub fn hottest(&self, count: usize) -> Vec<HotKey> {
        self.0.store.hottest(Instant::now(), count)
    }

    /// How many keys the store has to remember, over all policies: those whose buckets are not full.
    ///
    /// This walks the whole table, a bucket at a time: some milliseconds for a million keys.
    #[must_use]
    pub fn keys_in_use(&self) -> usize {
        self.0.store.in_use(Instant::now())
    }
}

impl<St: Store> RateLimiter<St> {
    /// A layer that limits so. Every layer of one limiter takes from the same buckets.
    pub fn layer(&self) -> RateLimitLayer<St> {
        RateLimitLayer::new(self.clone())
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &St {
        &self.0.store
    }

    /// What became of the requests that a policy looked at, or none if there is no such policy.
    #[must_use]
    pub fn stats(&self, policy: &str) -> Option<Stats> {
        Some(self.0.rules[self.0.find(policy)?].counters.read())
    }

    /// The quota of a policy that holds now.
    #[must_use]
    pub fn quota(&self, policy: &str) -> Option<Quota> {
        let rule = &self.0.rules[self.0.find(policy)?];
        rule.original.map(|_| rule.quota.get())
    }

    /// Swaps the quota of a policy, for every request from now on.
    ///
    /// Buckets keep the time that they need to be full again, so that a swap hands out no burst.
    /// Nobody waits longer than an empty bucket of the new quota needs, and a second. Callers with
    /// [plans](crate::Policy::plans) of their own keep those.
    ///
    /// # Errors
    ///
    /// When there is no such policy with a quota, or the quota cannot be held.
    pub fn swap_quota(&self, policy: &str, quota: Quota) -> Result<(), ConfigError> {
        let failed = |kind| ConfigError::of_policy(kind, policy);
        quota.check().map_err(|error| failed(ConfigErrorKind::Quota(error)))?;
        let rule = self.0.find(policy).map(|at| &self.0.rules[at]);
        let rule = rule.filter(|rule| rule.original.is_some());
        rule.ok_or_else(|| failed(ConfigErrorKind::UnknownPolicy))?.quota.set(quota);
        self.0.observer.on_event(&Event::Swapped { policy, quota: &quota });
        Ok(())
    }

    /// The bucket of the key that `write` writes, or none if there is no such policy.
    pub fn bucket(&self, policy: &str, write: impl FnOnce(&mut KeyBuf)) -> Option<Bucket<St>> {
        let rule = self.0.find(policy)?;
        Some(Bucket { limiter: self.0.clone(), rule, key: self.0.rules[rule].hash(write) })
    }
}

impl<St: Store> Inner<St> {
    fn find(&self, policy: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.policy.name == policy)
    }
}

impl Bucket {
    /// How the bucket stands now, under the policy's own quota. Nothing is taken.
    #[must_use]
    pub fn level(&self) -> Level {
        let quota = self.rule().quota.get();
        self.limiter.store.peek(Instant::now(), &self.demand(&quota, 0))
    }
}

impl<St: Store> Bucket<St> {
    /// Makes the bucket full, and forgives what led to a penalty.
    pub fn reset(&self) {
        self.adjust(0, Change::Reset);
        if let Some(penalties) = &self.rule().penalties {
            penalties.forgive(self.key, Instant::now());
        }
    }

    /// Puts units into the bucket, up to its burst.
    pub fn grant(&self, units: u64) {
        self.adjust(units, Change::Refund);
    }

    /// Takes units from the bucket, whether they are there or not, down to the policy's debt.
    pub fn charge(&self, units: u64) {
        self.adjust(units, Change::Charge);
    }

    /// How many requests of the key are in flight, under a policy of permits.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        let permits = self.rule().permits.as_ref();
        permits.map_or(0, |permits| permits.in_flight(self.key))
    }

    /// By what events and logs name the key.
    #[must_use]
    pub const fn tag(&self) -> KeyTag {
        self.key.tag()
    }

    fn adjust(&self, units: u64, change: Change) {
        let quota = self.rule().quota.get();
        self.limiter.store.adjust(Instant::now(), &self.demand(&quota, units), change);
    }

    #[cfg(feature = "redis")]
    pub(crate) fn store(&self) -> &St {
        &self.limiter.store
    }

    #[cfg(feature = "redis")]
    pub(crate) fn quota(&self) -> Quota {
        self.rule().quota.get()
    }

    pub(crate) fn demand<'a>(&self, quota: &'a Quota, units: u64) -> Demand<'a> {
        self.rule().demand_of(self.key, quota, units)
    }

    fn rule(&self) -> &Rule {
        &self.limiter.rules[self.rule]
    }
}

// === what derives would bound too much ===

impl<St: Store> Clone for RateLimiter<St> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<St: Store> Clone for Shared<St> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<St: Store> Deref for Shared<St> {
    type Target = Inner<St>;

    fn deref(&self) -> &Inner<St> {
        &self.0
    }
}

impl<St: Store> fmt::Debug for RateLimiter<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policies = self.0.rules.iter().map(|rule| &rule.policy);
        f.debug_struct("RateLimiter")
            .field("policies", &policies.collect::<Vec<_>>())
            .field("fields", &self.0.fields)
            .finish_non_exhaustive()
    }
}

impl<St: Store> fmt::Debug for Bucket<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("policy", &self.rule().policy.name)
            .field("key", &self.tag())
            .finish_non_exhaustive()
    }
}
