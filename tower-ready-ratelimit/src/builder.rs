use std::{fmt, sync::Arc};

use crate::{
    ConfigError, ConfigErrorKind, Fields, Head, Level, MemoryStore, OnRateLimit, Policy,
    RateLimiter, Secret,
    fields::{Item, policy_line},
    limiter::{Inner, Shared},
    policy::{Limit, Predicate},
    quota::Span,
    rule::Rule,
    store::Store,
};

/// Puts a [`RateLimiter`] together.
#[must_use = "nothing is limited until the limiter is built"]
pub struct RateLimiterBuilder<St: Store = MemoryStore> {
    policies: Vec<Policy>,
    store: Box<dyn FnOnce() -> Result<St, ConfigError>>,
    exempt: Vec<Predicate>,
    fields: Fields,
    exposes: bool,
    secret: Option<Secret>,
    observer: Box<dyn OnRateLimit>,
}

impl RateLimiterBuilder {
    pub(crate) fn new() -> Self {
        Self {
            policies: Vec::new(),
            store: Box::new(|| Ok(MemoryStore::default())),
            exempt: Vec::new(),
            fields: Fields::default(),
            exposes: false,
            secret: None,
            observer: Box::new(()),
        }
    }

    /// How many keys the store in memory has room for, over all policies, at 24 bytes for each.
    /// Default: a million.
    pub fn keys(self, keys: usize) -> Self {
        Self { store: Box::new(move || MemoryStore::new(keys)), ..self }
    }
}

impl<St: Store> RateLimiterBuilder<St> {
    /// Adds a policy. A request passes when every policy that applies to it has enough, and only
    /// then takes from any. Default: none; a limiter needs one and has room for eight.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }

    /// Keeps buckets elsewhere, or together with another limiter. Default: in memory, by itself.
    pub fn with_store<T: Store>(self, store: T) -> RateLimiterBuilder<T> {
        RateLimiterBuilder {
            policies: self.policies,
            store: Box::new(move || Ok(store)),
            exempt: self.exempt,
            fields: self.fields,
            exposes: self.exposes,
            secret: self.secret,
            observer: self.observer,
        }
    }

    /// Lets requests pass that no policy shall look at: probes, internal callers. Default: none.
    pub fn exempt(mut self, exempt: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.exempt.push(Arc::new(exempt));
        self
    }

    /// Which fields answers carry. Default: [`Fields::Draft11`].
    pub fn fields(mut self, fields: Fields) -> Self {
        self.fields = fields;
        self
    }

    /// Whether the [`Decision`](crate::Decision) goes into the extensions of request and response.
    /// Default: no, since a first extension costs three allocations.
    pub fn expose(mut self, exposes: bool) -> Self {
        self.exposes = exposes;
        self
    }

    /// The secret under which callers are hashed. Default: a random one; a store that instances share
    /// wants one that they share as well.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Hears of refusals and swaps. Default: nobody.
    pub fn on_event(mut self, observer: impl OnRateLimit) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Checks the settings and takes the memory.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<RateLimiter<St>, ConfigError> {
        match self.policies.len() {
            0 => return Err(ConfigError::new(ConfigErrorKind::NoPolicy)),
            1..=MemoryStore::MAX_SET => {}
            _ => return Err(ConfigError::new(ConfigErrorKind::TooManyPolicies)),
        }
        for (at, policy) in self.policies.iter().enumerate() {
            let failed = |kind| ConfigError::of_policy(kind, &policy.name);
            policy.check().map_err(failed)?;
            if self.policies[..at].iter().any(|other| other.name == policy.name) {
                return Err(failed(ConfigErrorKind::DuplicateName));
            }
        }
        let store = (self.store)()?;
        let secret = match self.secret {
            Some(secret) => secret,
            None if store.is_local() => Secret::random(),
            None => return Err(ConfigError::new(ConfigErrorKind::NoSecret)),
        };
        let items: Option<Vec<_>> = self.policies.iter().map(item).collect();
        Ok(RateLimiter(Shared(Arc::new(Inner {
            policy_line: items.map(|items| policy_line(items.into_iter())),
            is_simple: is_simple(&self.policies) && self.exempt.is_empty() && !self.exposes,
            has_shadows: self.policies.iter().any(|policy| policy.shadow),
            rules: self.policies.iter().map(|policy| Rule::new(policy.clone(), secret)).collect(),
            store,
            exempt: self.exempt,
            fields: self.fields,
            exposes: self.exposes,
            observer: self.observer,
        }))))
    }
}

fn is_simple(policies: &[Policy]) -> bool {
    let [policy] = policies else { return false };
    matches!(policy.limit, Limit::Rate(_))
        && !policy.shadow
        && !policy.may_delay()
        && policy.plans.is_none()
        && policy.penalty.is_none()
        && policy.counts.is_none()
        && policy.settle.is_none()
}

/// What a policy of a quota says in `RateLimit-Policy`, whoever asks.
fn item(policy: &Policy) -> Option<Item<'_>> {
    let Limit::Rate(quota) = policy.limit else {
        return None;
    };
    Some(Item::Rate {
        name: &policy.name,
        level: Level::read(&quota, tower_ready_core::Instant::now(), Span::ZERO, 0),
        refused: None,
    })
}

impl<St: Store> fmt::Debug for RateLimiterBuilder<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiterBuilder")
            .field("policies", &self.policies)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}
