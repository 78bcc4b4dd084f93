use tower_ready_shutdown::{Event, Lifecycle, OnLifecycle, Phase};

use super::{Events, events::event};
use crate::{
    labels::{Attribute, Labels},
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, Number},
};

const PHASE: Attribute = Attribute::own("tower_ready.phase", "phase");

const PHASES: [Phase; 7] = [
    Phase::Starting,
    Phase::Ready,
    Phase::Draining,
    Phase::Closing,
    Phase::Stopping,
    Phase::Stopped,
    Phase::Forced,
];

/// `tower_ready_shutdown_events_total{event,phase}`.
impl OnLifecycle for Events {
    fn on_event(&self, told: &Event<'_>) {
        let labels = match told {
            Event::Phase { to, .. } => event("phase").and(PHASE, to.as_str()),
            Event::GateWaits { .. } => event("gate_waits"),
            Event::GateLost { .. } => event("gate_lost"),
            Event::Waiting { phase, .. } => event("waiting").and(PHASE, phase.as_str()),
            Event::Ended { .. } => event("ended"),
            Event::Over { .. } => event("over"),
            _ => event("other"),
        };
        self.families().shutdown.add(labels);
    }
}

impl Metrics {
    /// Shows where a process is in its life: `tower_ready_lifecycle_phase{phase}`, which is one for
    /// the phase that it is in, and how many requests and connections it has.
    pub fn watch_lifecycle(&self, lifecycle: &Lifecycle) {
        for phase in PHASES {
            let help = "Whether the process is in a phase.";
            let descriptor =
                Descriptor::new("tower_ready_lifecycle_phase", FamilyKind::Gauge, help);
            let watched = lifecycle.clone();
            let read = move || Number::Count((watched.phase() == phase).into());
            self.pull(descriptor, Labels::default().and(PHASE, phase.as_str()), read);
        }
        type Read = fn(&Lifecycle) -> usize;
        let gauges: [(_, _, Read); 2] = [
            (
                "tower_ready_lifecycle_in_flight",
                "Requests that a drain waits for.",
                Lifecycle::in_flight,
            ),
            (
                "tower_ready_lifecycle_connections",
                "Connections that are open.",
                Lifecycle::connections,
            ),
        ];
        for (gauge, help, read) in gauges {
            let watched = lifecycle.clone();
            let descriptor = Descriptor::new(gauge, FamilyKind::Gauge, help);
            let read = move || Number::Count(read(&watched) as u64);
            self.pull(descriptor, Labels::default(), read);
        }
    }
}
