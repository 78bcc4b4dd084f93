use tower_ready_ratelimit::{Event, OnRateLimit, RateLimiter};

use super::{
    Events,
    events::{REASON, event},
};
use crate::{
    labels::{Attribute, Labels},
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, Number},
};

const LIMITER: Attribute = Attribute::own("tower_ready.limiter", "limiter");
const POLICY: Attribute = Attribute::own("tower_ready.policy", "policy");

/// `tower_ready_ratelimit_events_total{event,policy,reason}`.
impl OnRateLimit for Events {
    fn on_event(&self, told: &Event<'_>) {
        let labels = match told {
            Event::Refused { policy, reason, shadow, .. } => {
                let what = if *shadow { "would_refuse" } else { "refused" };
                event(what).and(POLICY, *policy).and(REASON, reason.as_str())
            }
            Event::Missing { policy, .. } => event("missing").and(POLICY, *policy),
            Event::StoreFailed { .. } => event("store_failed"),
            Event::Degraded { .. } => event("degraded"),
            Event::Swapped { policy, .. } => event("swapped").and(POLICY, *policy),
            _ => event("other"),
        };
        self.families().ratelimit.add(labels);
    }
}

impl Metrics {
    /// Shows how many keys a limiter in memory has to remember: `tower_ready_ratelimit_keys`, under
    /// this name. A scrape walks its table, which takes some milliseconds for a million keys.
    pub fn watch_limiter(&self, name: &str, limiter: &RateLimiter) {
        let limiter = limiter.clone();
        let help = "Keys whose buckets are not full.";
        let descriptor = Descriptor::new("tower_ready_ratelimit_keys", FamilyKind::Gauge, help);
        let labels = Labels::default().and(LIMITER, name);
        self.pull(descriptor, labels, move || Number::Count(limiter.keys_in_use() as u64));
    }
}
