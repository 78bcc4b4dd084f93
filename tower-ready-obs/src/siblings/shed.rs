use tower_ready_shed::{Bulkhead, Event, OnShed};

use super::{
    Events,
    events::{REASON, event},
};
use crate::{
    labels::{Attribute, Labels},
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, Number},
};

const BULKHEAD: Attribute = Attribute::own("tower_ready.bulkhead", "bulkhead");
const PRIORITY: Attribute = Attribute::own("tower_ready.priority", "priority");

/// `tower_ready_shed_events_total{event,reason,priority}`.
impl OnShed for Events {
    fn on_event(&self, told: &Event<'_>) {
        let labels = match told {
            Event::Refused { reason, priority, .. } => {
                event("refused").and(REASON, reason.as_str()).and(PRIORITY, priority.as_str())
            }
            Event::Adjusted { .. } => event("adjusted"),
            _ => event("other"),
        };
        self.families().shed.add(labels);
    }
}

impl Metrics {
    /// Shows how full a bulkhead is: `tower_ready_shed_in_flight`, `_queued` and `_limit`, under this
    /// name.
    pub fn watch_bulkhead(&self, name: &str, bulkhead: &Bulkhead) {
        type Read = fn(&Bulkhead) -> usize;
        let gauges: [(_, _, Read); 3] = [
            ("tower_ready_shed_in_flight", "Requests that have a slot.", Bulkhead::in_flight),
            ("tower_ready_shed_queued", "Requests that wait for a slot.", Bulkhead::queued),
            ("tower_ready_shed_limit", "Slots that there are.", Bulkhead::limit),
        ];
        for (gauge, help, read) in gauges {
            let bulkhead = bulkhead.clone();
            let descriptor = Descriptor::new(gauge, FamilyKind::Gauge, help);
            let labels = Labels::default().and(BULKHEAD, name);
            self.pull(descriptor, labels, move || Number::Count(read(&bulkhead) as u64));
        }
    }
}
