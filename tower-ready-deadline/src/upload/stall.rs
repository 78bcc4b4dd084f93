use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tower_ready_core::Protocol;

use crate::{Event, Phase, Reason, deadlines::Inner};

/// What the body of a request tells the answer to it: that it has stalled.
pub(super) struct Stall {
    pub(super) policy: Arc<Inner>,
    protocol: Protocol,
    has_stalled: AtomicBool,
}

impl Stall {
    pub(super) fn new(policy: Arc<Inner>, protocol: Protocol) -> Arc<Self> {
        Arc::new(Self { policy, protocol, has_stalled: AtomicBool::new(false) })
    }

    #[cold]
    pub(super) fn note(&self) {
        self.has_stalled.store(true, Relaxed);
        self.policy.ledger.note(&Event::Expired {
            phase: Phase::Request,
            reason: Reason::Idle,
            protocol: self.protocol,
            path: None,
        });
    }

    pub(super) fn has_stalled(&self) -> bool {
        self.has_stalled.load(Relaxed)
    }
}
