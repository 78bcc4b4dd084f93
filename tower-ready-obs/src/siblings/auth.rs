use tower_ready_auth::{Event, OnAuth, Reason};

use super::{
    Events,
    events::{REASON, event},
};

/// `tower_ready_auth_events_total{event,reason}`, in the words of the audit log.
impl OnAuth for Events {
    fn on_event(&self, told: &Event<'_>) {
        let reason = told.reason.map(Reason::as_str);
        self.families().auth.add(event(told.kind.as_str()).and_some(REASON, reason));
    }
}
