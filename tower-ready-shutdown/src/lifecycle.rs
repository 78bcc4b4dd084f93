use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{Gate, Phase, Phases, traffic::Traffic};

/// The life of a process: where it is, what it waits for, and how it ends. Clones are one.
#[derive(Clone)]
pub struct Lifecycle(Arc<Inner>);

struct Inner {
    traffic: Arc<Traffic>,
    phases: watch::Sender<Phase>,
    /// The gates that are not open yet.
    gates: Mutex<Vec<String>>,
}

impl Lifecycle {
    /// One with default settings, which hears of no signal.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "to be replaced by a builder")]
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            traffic: Traffic::new(),
            phases: watch::Sender::new(Phase::Starting),
            gates: Mutex::new(Vec::new()),
        }))
    }

    /// Where it is: one atomic load.
    #[must_use]
    #[inline]
    pub fn phase(&self) -> Phase {
        self.0.traffic.phase()
    }

    /// Watches the phases.
    pub fn phases(&self) -> Phases {
        Phases::new(self.0.phases.subscribe(), self.clone())
    }

    /// How many requests are in flight, to the ends of their bodies.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        Traffic::in_flight(&self.0.traffic)
    }

    /// Keeps the phase at [`Starting`](Phase::Starting) until the gate is opened. Once the process
    /// is ready or leaves, a gate holds nothing back.
    pub fn gate(&self, name: impl Into<String>) -> Gate {
        let name = name.into();
        self.gates().push(name.clone());
        Gate::new(self.clone(), name)
    }

    /// The names of the gates that are closed.
    #[must_use]
    pub fn closed_gates(&self) -> Vec<String> {
        self.gates().clone()
    }

    /// Enters [`Ready`](Phase::Ready) when no gate is closed.
    pub fn ready(&self) {
        if self.gates().is_empty() {
            self.enter(Phase::Ready, |phase| phase == Phase::Starting);
        }
    }

    /// Begins the end.
    pub fn drain(&self) {
        self.enter(Phase::Draining, |phase| !phase.is_leaving());
    }

    /// Takes the beginning of the end back, if that is still possible.
    pub fn resume(&self) -> bool {
        self.enter(Phase::Ready, |phase| phase == Phase::Draining)
    }

    pub(crate) fn gate_opened(&self, name: &str) {
        let mut gates = self.gates();
        if let Some(place) = gates.iter().position(|closed| closed == name) {
            gates.swap_remove(place);
        }
        let none = gates.is_empty();
        drop(gates);
        if none {
            self.ready();
        }
    }

    pub(crate) fn gate_lost(&self, _name: &str) {}

    /// Changes the phase, if that may be done from the present one. Whether it did.
    fn enter(&self, next: Phase, from: impl Fn(Phase) -> bool) -> bool {
        self.0.phases.send_if_modified(|phase| {
            let may = from(*phase);
            if may {
                *phase = next;
                self.0.traffic.set_phase(next);
            }
            may
        })
    }

    fn gates(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("phase", &self.phase())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
