//! What the audit log and the observer are told, when anybody listens.

use std::{net::IpAddr, time::Duration};

use tower_ready_core::{Head, RequestId};

use crate::{Auth, Event, EventKind, Reason, TokenError, each_use::Good};

/// Whether anybody listens to the audit log at a level, which costs less to ask than to tell.
macro_rules! is_logged {
    ($level:ident) => {{
        #[cfg(feature = "tracing")]
        let is_logged =
            tracing::enabled!(target: "tower_ready_auth::audit", tracing::Level::$level);
        #[cfg(not(feature = "tracing"))]
        let is_logged = false;
        is_logged
    }};
}

impl Auth {
    /// Tells that somebody was let in.
    #[inline]
    pub(crate) fn tell_admitted(&self, head: &Head<'_>, good: &Good) {
        if self.0.observer.is_some() || is_logged!(DEBUG) || good.unchecked {
            self.admitted(head, good);
        }
    }

    /// Tells that somebody was not.
    pub(crate) fn tell_refused(
        &self,
        head: &Head<'_>,
        error: &TokenError,
        lock: Option<Duration>,
        wait: Option<Duration>,
    ) {
        // What is told at another level than this one is told only where this one is, too.
        if self.0.observer.is_some() || is_logged!(ERROR) {
            self.refused(head, error, lock, wait);
        }
    }

    #[cold]
    fn admitted(&self, head: &Head<'_>, good: &Good) {
        let id = RequestId::of(head.headers());
        let mut event = Event::new(EventKind::Admitted, head, id.as_ref());
        event.reason = good.unchecked.then_some(Reason::StoreUnavailable);
        event.principal = Some(&good.principal);
        self.tell(event, self.0.source(head));
    }

    #[cold]
    fn refused(
        &self,
        head: &Head<'_>,
        error: &TokenError,
        lock: Option<Duration>,
        wait: Option<Duration>,
    ) {
        let kind = match error.reason() {
            Reason::Revoked => EventKind::Revoked,
            Reason::KeysUnavailable | Reason::StoreUnavailable => EventKind::Unavailable,
            _ if lock.is_some() => EventKind::Locked,
            _ => EventKind::Refused,
        };
        let id = RequestId::of(head.headers());
        let mut event = Event::new(kind, head, id.as_ref());
        event.reason = Some(error.reason());
        event.claim = error.claim_name();
        event.principal = error.principal();
        event.locked_for = lock.or(wait);
        self.tell(event, self.0.source(head));
    }

    fn tell(&self, mut event: Event<'_>, source: Option<IpAddr>) {
        event.source = source;
        #[cfg(feature = "tracing")]
        event.log();
        if let Some(observer) = &self.0.observer {
            observer.on_event(&event);
        }
    }
}
