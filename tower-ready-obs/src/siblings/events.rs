use std::{fmt, sync::Arc};

use crate::{
    labels::{Attribute, Labels},
    metrics::{Counters, Metrics},
    scrape::{Descriptor, Family, FamilyKind, Number, Sink},
};

/// Counts the events of a policy of ours: give it to `on_event` of its builder.
///
/// One serves any number of policies. It holds no handle of them, nor of the metrics.
#[derive(Clone)]
pub struct Events(Arc<Families>);

pub(super) struct Families {
    #[cfg(feature = "auth")]
    pub(super) auth: Arc<Counters>,
    #[cfg(feature = "breaker")]
    pub(super) breaker: Arc<Counters>,
    #[cfg(feature = "deadline")]
    pub(super) deadline: Arc<Counters>,
    #[cfg(feature = "ratelimit")]
    pub(super) ratelimit: Arc<Counters>,
    #[cfg(feature = "shed")]
    pub(super) shed: Arc<Counters>,
    #[cfg(feature = "shutdown")]
    pub(super) shutdown: Arc<Counters>,
}

/// How many events of one crate are told apart.
const MAX: usize = 500;

/// What happened, in one word.
pub(super) const EVENT: Attribute = Attribute::own("tower_ready.event", "event");
/// Why, in one word.
#[cfg(any(feature = "auth", feature = "deadline", feature = "ratelimit", feature = "shed"))]
pub(super) const REASON: Attribute = Attribute::own("tower_ready.reason", "reason");

impl Metrics {
    /// An observer that counts what policies tell of their work. All of them are one: a policy may
    /// get its own or a clone of another's.
    #[must_use]
    pub fn events(&self) -> Events {
        self.events_or(|| self.make_events())
    }

    fn make_events(&self) -> Events {
        let counted = |name: &'static str, help: &'static str| {
            let counters = Arc::new(Counters::new(MAX));
            let descriptor = Descriptor::new(name, FamilyKind::Counter, help);
            self.add_family(Counted { descriptor, counters: counters.clone() });
            counters
        };
        Events(Arc::new(Families {
            #[cfg(feature = "auth")]
            auth: counted("tower_ready_auth_events", "Decisions about who may call."),
            #[cfg(feature = "breaker")]
            breaker: counted("tower_ready_breaker_events", "Changes of circuits."),
            #[cfg(feature = "deadline")]
            deadline: counted("tower_ready_deadline_events", "Requests whose time was up."),
            #[cfg(feature = "ratelimit")]
            ratelimit: counted("tower_ready_ratelimit_events", "Requests that a limit noticed."),
            #[cfg(feature = "shed")]
            shed: counted("tower_ready_shed_events", "Requests that a bulkhead turned away."),
            #[cfg(feature = "shutdown")]
            shutdown: counted("tower_ready_shutdown_events", "Steps in the life of the process."),
        }))
    }
}

impl Events {
    pub(super) fn families(&self) -> &Families {
        &self.0
    }
}

/// The labels of an event.
pub(super) fn event(event: &'static str) -> Labels {
    Labels::default().and(EVENT, event)
}

struct Counted {
    descriptor: Descriptor,
    counters: Arc<Counters>,
}

impl Family for Counted {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn len(&self) -> usize {
        self.counters.len()
    }

    fn visit(&self, number: usize, sink: &mut dyn Sink) {
        if let Some((labels, count)) = self.counters.at(number) {
            sink.number(&self.descriptor, labels, Number::Count(count));
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events(..)")
    }
}
