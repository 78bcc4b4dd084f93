//! A policy, ready to decide.

use std::sync::Arc;

use tower_ready_core::Instant;

use crate::{
    Head, KeyHash, Policy, Quota,
    cell::QuotaCell,
    hash::{KeyHasher, Secret},
    key::{Found, KeyBuf},
    penalty::Penalties,
    permits::Permits,
    plan::{Fetch, Planned},
    policy::{Limit, Missing},
    stats::Counters,
    store::Demand,
};

/// How many keys may be shut out, or have requests in flight, at a time: 1.5 MB for each.
const SIDE_KEYS: usize = 1 << 16;

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) policy: Policy,
    /// The quota that the policy was made with.
    pub(crate) original: Option<Quota>,
    pub(crate) quota: QuotaCell,
    pub(crate) permits: Option<Arc<Permits>>,
    pub(crate) penalties: Option<Penalties>,
    pub(crate) counters: Counters,
    #[cfg(feature = "delay")]
    pub(crate) lines: Option<Arc<crate::line::Lines>>,
    hasher: KeyHasher,
}

/// Whose bucket, as far as a policy can tell.
pub(crate) enum Who {
    /// This key's.
    Key(KeyHash),
    /// The policy does not apply.
    Nobody,
    /// Nobody knows, and that is refused.
    Unknown,
}

impl Rule {
    pub(crate) fn new(policy: Policy, secret: Secret) -> Self {
        let (original, permits) = match policy.limit {
            Limit::Rate(quota) => (Some(quota), None),
            Limit::Concurrent(each) => (None, Some(Arc::new(Permits::new(each, SIDE_KEYS)))),
        };
        Self {
            hasher: secret.hasher_for(&policy.name),
            quota: original.map_or_else(QuotaCell::default, QuotaCell::new),
            original,
            permits,
            penalties: policy.penalty.map(|penalty| Penalties::new(penalty, SIDE_KEYS)),
            counters: Counters::default(),
            #[cfg(feature = "delay")]
            lines: policy.delay.map(|_| Arc::default()),
            policy,
        }
    }

    #[inline]
    pub(crate) fn applies(&self, head: &Head<'_>) -> bool {
        self.policy.conditions.iter().all(|applies| applies(head))
    }

    #[inline]
    pub(crate) fn who(&self, head: &Head<'_>) -> Who {
        let mut key = KeyBuf::new(self.hasher);
        match self.policy.key.write(head, &mut key) {
            Found::Key => Who::Key(key.finish()),
            Found::Exempt => Who::Nobody,
            Found::Missing => self.missing(),
        }
    }

    pub(crate) fn hash(&self, write: impl FnOnce(&mut KeyBuf)) -> KeyHash {
        let mut key = KeyBuf::new(self.hasher);
        write(&mut key);
        key.finish()
    }

    #[inline]
    fn units(&self, head: &Head<'_>) -> u64 {
        self.policy.cost.as_ref().map_or(1, |cost| cost(head))
    }

    /// What a request wants of its bucket, under its quota.
    #[inline]
    pub(crate) fn demand<'a>(&self, key: KeyHash, quota: &'a Quota, head: &Head<'_>) -> Demand<'a> {
        Demand { units: self.units(head), ..self.demand_of(key, quota, 0) }
    }

    #[inline]
    pub(crate) fn demand_of<'a>(&self, key: KeyHash, quota: &'a Quota, units: u64) -> Demand<'a> {
        // The plan of a caller is no swap.
        let swapped = self.quota.is_swapped() && self.quota.get() == *quota;
        Demand { key, quota, units, debt: self.policy.debt, swapped }
    }

    /// The quota of a request, or the plan that has to be fetched first.
    #[inline]
    pub(crate) fn quota_of(&self, head: &Head<'_>, now: Instant) -> Result<Quota, Fetch> {
        let planned = self.policy.plans.as_ref().map(|plans| plans.quota(head, now));
        match planned {
            None | Some(Planned::Default) => Ok(self.quota.get()),
            Some(Planned::Quota(quota)) => Ok(quota),
            Some(Planned::Later(fetch)) => Err(fetch),
        }
    }

    #[cold]
    fn missing(&self) -> Who {
        self.counters.missing.add_one();
        match self.policy.missing {
            Missing::Skip => Who::Nobody,
            Missing::Refuse => Who::Unknown,
            // No key writes this much of nothing, so nobody else has this bucket.
            Missing::Share => Who::Key(self.hash(|key| {
                key.part(|_| {});
                key.part(|_| {});
            })),
        }
    }
}
