use tower_ready_deadline::{Event, OnDeadline};

use super::{
    Events,
    events::{REASON, event},
};
use crate::labels::Attribute;

const PHASE: Attribute = Attribute::own("tower_ready.phase", "phase");

/// `tower_ready_deadline_events_total{event,phase,reason}`.
impl OnDeadline for Events {
    fn on_event(&self, told: &Event<'_>) {
        let labels = match told {
            Event::Expired { phase, reason, .. } => {
                event("expired").and(PHASE, phase.as_str()).and(REASON, reason.as_str())
            }
            Event::Spent { .. } => event("spent"),
            Event::Junk { .. } => event("junk"),
            _ => event("other"),
        };
        self.families().deadline.add(labels);
    }
}
