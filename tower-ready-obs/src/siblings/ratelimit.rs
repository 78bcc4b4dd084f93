use tower_ready_ratelimit::{Event, OnRateLimit};

use super::{
    Events,
    events::{REASON, event},
};
use crate::labels::Attribute;

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
