//! What a connection is told, and what that leaves to be done.

use std::{sync::PoisonError, task::Waker};

use super::{
    super::{
        state::{Ending, Known, Look},
        sync::{
            MutexGuard,
            Ordering::{Relaxed, SeqCst},
        },
    },
    Connection,
};

impl Connection {
    /// Has its next answer of HTTP/1 be the last, or closes it now if it idles.
    #[cfg(feature = "hyper")]
    pub(crate) fn retire(&self) {
        self.retired.store(true, Relaxed);
        if self.is_kept_alive() {
            self.end(Ending::IfIdle);
        }
    }

    /// Has a client of HTTP/2 be told to open no more calls.
    pub(crate) fn tell_to_go(&self) {
        if !self.goes.swap(true, SeqCst) {
            self.wake();
        }
    }

    pub(crate) fn is_to_go(&self) -> bool {
        self.goes.load(SeqCst)
    }

    /// Whether its host is another's, which tells clients to go when nobody is accepted any more.
    pub(crate) fn is_of_a_host(&self) -> bool {
        self.known != Known::Nothing
    }

    /// Whether nobody but us tells its client to go before its host does, and we can.
    pub(crate) fn waits_for_us(&self) -> bool {
        self.is_of_a_host() && self.bare_http2.load(Relaxed) && !self.is_to_go()
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// Has whoever serves it look if a request has arrived.
    pub(crate) fn ask(&self) {
        let (none, asked) = (Look::NotAsked as u8, Look::Asked as u8);
        if self.look.compare_exchange(none, asked, SeqCst, Relaxed).is_ok() {
            self.wake();
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.look.load(SeqCst) == Look::Asked as u8
            || self.ended.load(Relaxed) == Ending::IfIdle as u8
    }

    pub(super) fn has_looked(&self) {
        if self.look.load(Relaxed) == Look::Asked as u8 {
            self.look.store(Look::Looked as u8, SeqCst);
        }
    }

    /// Whether its host loses nothing by closing it as it is, which it does after what is in flight.
    pub(crate) fn may_be_closed(&self) -> bool {
        let busy = self.is_told() && self.in_flight() > 0;
        busy || self.is_upgraded() || self.has_nothing_to_read()
    }

    fn has_nothing_to_read(&self) -> bool {
        self.look.load(SeqCst) == Look::Looked as u8
            && !self.is_amid_a_head()
            && !self.is_silent()
            && !self.is_kept_alive()
    }

    /// Ends it: whoever reads from it or writes to it is told that it broke off.
    pub(crate) fn end(&self, ending: Ending) {
        if self.ended.fetch_max(ending as u8, SeqCst) < ending as u8 {
            self.wake();
        }
    }

    fn wake(&self) {
        let waker = self.waker().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
