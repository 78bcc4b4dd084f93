//! A limit that finds itself.

mod config;
mod controller;
mod window;

#[cfg(not(loom))]
#[cfg(test)]
mod simulation;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tower_ready_core::Instant;

pub use self::config::Adaptive;
pub(crate) use self::config::{Law, Settings};
use self::{controller::Controller, window::Window};
use crate::gate::Gate;

/// Learns from every answer, and now and then says another limit.
pub(crate) struct Learner {
    window: Window,
    /// When the window may be closed. Before that, nobody needs the lock.
    closes: AtomicU64,
    /// Calls that began earlier tell of another limit.
    valid_from: AtomicU64,
    /// In nanoseconds, how long a call takes at which the limit would be lowered.
    slow: AtomicU64,
    controller: Mutex<Controller>,
}

impl Learner {
    pub(crate) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            window: Window::new(),
            closes: AtomicU64::new((now + settings.interval).as_nanos()),
            valid_from: AtomicU64::new(0),
            slow: AtomicU64::new(u64::MAX),
            controller: Mutex::new(Controller::new(settings, now)),
        }
    }

    /// The limit to begin with.
    pub(crate) fn limit(&self) -> u32 {
        let controller = self.controller.lock();
        controller.unwrap_or_else(PoisonError::into_inner).limit()
    }

    /// Notes that a call took from then to now, and [reconsiders](Self::reconsider) the limit.
    #[inline]
    pub(crate) fn learn(
        &self,
        began: Instant,
        now: Instant,
        gate: &Gate,
        spread: impl FnOnce() -> f64,
    ) -> Option<u32> {
        if began.as_nanos() >= self.valid_from.load(Relaxed) {
            self.window.add(now.since(began), gate.taken());
        }
        self.reconsider(now, gate, spread)
    }

    /// Sets and returns another limit if it is time for one. `spread` is a random number between 0
    /// and 1.
    #[inline]
    pub(crate) fn reconsider(
        &self,
        now: Instant,
        gate: &Gate,
        spread: impl FnOnce() -> f64,
    ) -> Option<u32> {
        if now.as_nanos() < self.closes.load(Relaxed) {
            return None;
        }
        self.close(now, gate, spread())
    }

    /// Whether a call that was given up after this time tells something all the same.
    ///
    /// Why it was given up is its caller's business, unless it was slow already: then it would have
    /// taken longer still. Were those left out, a service so slow that all of its callers leave
    /// would look as if it had none.
    #[inline]
    pub(crate) fn is_slow(&self, began: Instant, now: Instant) -> bool {
        now.as_nanos() - began.as_nanos().min(now.as_nanos()) >= self.slow.load(Relaxed)
    }

    /// Whoever comes while another is at it has nothing to add.
    #[cold]
    fn close(&self, now: Instant, gate: &Gate, spread: f64) -> Option<u32> {
        let mut controller = self.controller.try_lock().ok()?;
        let before = controller.limit();
        let verdict = controller.close(now, &self.window, spread);
        self.closes.store(verdict.closes.as_nanos(), Relaxed);
        if verdict.is_anew {
            self.valid_from.store(now.as_nanos(), Relaxed);
        }
        self.slow.store(controller.slow(), Relaxed);
        let limit = controller.limit();
        if limit == before {
            return None;
        }
        // With the lock held: of two that change it, the later must not be undone by the earlier.
        gate.set_limit(limit);
        Some(limit)
    }
}
