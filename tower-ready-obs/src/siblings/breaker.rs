use tower_ready_breaker::{Breaker, Event, OnBreaker, Snapshot, State};

use super::{Events, events::event};
use crate::{
    labels::{Attribute, Labels},
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, Number},
};

const BREAKER: Attribute = Attribute::own("tower_ready.breaker", "breaker");
const STATE: Attribute = Attribute::own("tower_ready.state", "state");

const STATES: [State; 8] = [
    State::Closed,
    State::Recovering,
    State::Open,
    State::HalfOpen,
    State::ForcedOpen,
    State::Disabled,
    State::MetricsOnly,
    State::Throttling,
];

/// `tower_ready_breaker_events_total{event,breaker}`: the keys of a breaker are not told apart, since
/// callers may choose them.
impl OnBreaker for Events {
    fn on_event(&self, told: &Event<'_>) {
        let labels = event(told.change.as_str()).and(BREAKER, told.breaker);
        self.families().breaker.add(labels);
    }
}

impl Metrics {
    /// Shows what a breaker does with calls: `tower_ready_breaker_state{breaker,state}`, which is one
    /// for the state that it is in, and how many it has rejected.
    pub fn watch_breaker(&self, breaker: &Breaker) {
        let name = || Labels::default().and(BREAKER, breaker.name());
        for state in STATES {
            let help = "Whether a circuit is in a state.";
            let descriptor = Descriptor::new("tower_ready_breaker_state", FamilyKind::Gauge, help);
            let watched = breaker.clone();
            let read = move || Number::Count((watched.state() == state).into());
            self.pull(descriptor, name().and(STATE, state.as_str()), read);
        }
        type Read = fn(&Snapshot) -> u64;
        let counters: [(_, _, Read); 2] = [
            ("tower_ready_breaker_rejected", "Calls that were not let through.", |it| it.rejected),
            ("tower_ready_breaker_dropped", "Calls that were given up early.", |it| it.dropped),
        ];
        for (counter, help, read) in counters {
            let watched = breaker.clone();
            let descriptor = Descriptor::new(counter, FamilyKind::Counter, help);
            self.pull(descriptor, name(), move || Number::Count(read(&watched.snapshot())));
        }
    }
}
