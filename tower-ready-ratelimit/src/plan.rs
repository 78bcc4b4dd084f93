//! Quotas that are found at run time.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tower_ready_core::Instant;

use crate::{Head, Quota};

/// Finds the quota of a request: that of the caller's plan.
///
/// A closure over the head is one, for plans that are at hand; [`CachedPlans`] is one for plans that
/// have to be fetched. A bucket keeps what was taken from it when the plan changes: whoever owes more
/// than the new plan could have lent pays that off, unless its bucket is
/// [reset](crate::Bucket::reset).
pub trait Plans: Send + Sync + 'static {
    /// The quota of a request.
    fn quota(&self, head: &Head<'_>, now: Instant) -> Planned;
}

/// What is known of the plan of a request.
#[expect(clippy::exhaustive_enums, reason = "a limiter has to know what to do with each")]
pub enum Planned {
    /// This quota.
    Quota(Quota),
    /// No other than the policy's own.
    Default,
    /// It has to be fetched: when this is over, the plan is asked once more.
    Later(Fetch),
}

/// A plan on its way. It is a cold path, so it may be boxed.
pub type Fetch = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F> Plans for F
where
    F: Fn(&Head<'_>) -> Option<Quota> + Send + Sync + 'static,
{
    fn quota(&self, head: &Head<'_>, _: Instant) -> Planned {
        self(head).map_or(Planned::Default, Planned::Quota)
    }
}

/// Plans that are fetched once and then remembered.
///
/// ```
/// use std::time::Duration;
/// use tower_ready_ratelimit::{CachedPlans, Head, Policy, Quota};
///
/// async fn plan_of(customer: String) -> Option<Quota> {
///     // Ask a database; none is the policy's own quota.
///     (customer == "acme").then(|| Quota::per_second(1_000))
/// }
///
/// let customer = |head: &Head<'_>| Some(head.headers().get("x-customer")?.to_str().ok()?.to_owned());
/// let plans = CachedPlans::new(Duration::from_secs(60), 10_000, customer, plan_of);
/// let policy = Policy::new("customer", Quota::per_second(10)).plans(plans);
/// ```
pub struct CachedPlans<K, N, F> {
    name: N,
    fetch: F,
    cache: Arc<Cache<K>>,
}

struct Cache<K> {
    plans: Mutex<HashMap<K, (Option<Quota>, Instant)>>,
    lifetime: Duration,
    capacity: usize,
}

impl<K, N, F, T> CachedPlans<K, N, F>
where
    K: Eq + Hash + Clone + Send + 'static,
    N: Fn(&Head<'_>) -> Option<K> + Send + Sync + 'static,
    F: Fn(K) -> T + Send + Sync + 'static,
    T: Future<Output = Option<Quota>> + Send + 'static,
{
    /// Fetches the plan of whom `name` names, and remembers it, found or not, for `lifetime`, at least
    /// a second.
    ///
    /// It remembers `capacity` plans at most, at least one. A request whose caller has no name has
    /// the policy's own quota. Requests that miss the same plan at the same time each fetch it.
    pub fn new(lifetime: Duration, capacity: usize, name: N, fetch: F) -> Self {
        Self {
            name,
            fetch,
            cache: Arc::new(Cache {
                plans: Mutex::default(),
                // The request that fetches a plan reads it from here.
                lifetime: lifetime.max(Duration::from_secs(1)),
                capacity: capacity.max(1),
            }),
        }
    }
}

impl<K, N, F, T> Plans for CachedPlans<K, N, F>
where
    K: Eq + Hash + Clone + Send + 'static,
    N: Fn(&Head<'_>) -> Option<K> + Send + Sync + 'static,
    F: Fn(K) -> T + Send + Sync + 'static,
    T: Future<Output = Option<Quota>> + Send + 'static,
{
    fn quota(&self, head: &Head<'_>, now: Instant) -> Planned {
        let Some(name) = (self.name)(head) else {
            return Planned::Default;
        };
        match self.cache.get(&name, now) {
            Some(plan) => plan.map_or(Planned::Default, Planned::Quota),
            None => {
                let (cache, fetched) = (Arc::clone(&self.cache), (self.fetch)(name.clone()));
                Planned::Later(Box::pin(async move {
                    let plan = fetched.await;
                    cache.put(name, plan, Instant::now());
                }))
            }
        }
    }
}

impl<K: Eq + Hash> Cache<K> {
    fn get(&self, name: &K, now: Instant) -> Option<Option<Quota>> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(name).filter(|(_, until)| *until > now).map(|(plan, _)| *plan)
    }

    fn put(&self, name: K, plan: Option<Quota>, now: Instant) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= self.capacity && !plans.contains_key(&name) {
            plans.retain(|_, (_, until)| *until > now);
            // Nobody is old enough to go, so half of them go: rarer than one at a time.
            if plans.len() >= self.capacity {
                let mut keep = false;
                plans.retain(|_, _| {
                    keep = !keep;
                    !keep
                });
            }
        }
        plans.insert(name, (plan, now + self.lifetime));
    }
}

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quota(quota) => write!(f, "Quota({quota})"),
            Self::Default => f.write_str("Default"),
            Self::Later(_) => f.write_str("Later(..)"),
        }
    }
}

impl<K, N, F> fmt::Debug for CachedPlans<K, N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedPlans")
            .field("lifetime", &self.cache.lifetime)
            .field("capacity", &self.cache.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_cache_holds_no_more_than_it_may() {
        let cache =
            Cache { plans: Mutex::default(), lifetime: Duration::from_secs(1), capacity: 4 };
        let start = Instant::from_nanos(1);
        for name in 0..100 {
            cache.put(name, Some(Quota::per_second(name)), start);
            assert!(cache.plans.lock().unwrap().len() <= 4);
            assert_eq!(cache.get(&name, start), Some(Some(Quota::per_second(name))));
        }
        assert_eq!(cache.get(&99, start + Duration::from_secs(1)), None, "it is old by then");
    }
}
