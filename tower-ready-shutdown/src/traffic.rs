//! What requests in flight share with their lifecycle.

use std::time::Duration;

use tower_ready_core::Instant;

use super::sync::{Arc, AtomicBool, AtomicU8, AtomicU64, Ordering};
use crate::{Phase, ramp};

/// Each request in flight holds a clone, and nothing else but the lifecycle does. So the count that
/// an `Arc` keeps anyway is the number of requests in flight: one addition when a request comes,
/// one subtraction when it ends, and a count of our own beside it would cost two more.
#[derive(Debug)]
pub(crate) struct Traffic {
    phase: AtomicU8,
    /// Whether a layer counts at all.
    pub(crate) counted: AtomicBool,
    /// When the end began, and how long the ramp is, in nanoseconds.
    began: AtomicU64,
    ramp: AtomicU64,
}

impl Traffic {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            phase: AtomicU8::new(Phase::Starting as u8),
            counted: AtomicBool::new(false),
            began: AtomicU64::new(0),
            ramp: AtomicU64::new(0),
        })
    }

    pub(crate) fn in_flight(this: &Arc<Self>) -> usize {
        Arc::strong_count(this) - 1
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        Phase::from_u8(self.phase.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn is_leaving(&self) -> bool {
        self.phase.load(Ordering::Acquire) >= Phase::Draining as u8
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// To be called before the phase is set.
    pub(crate) fn begin_ramp(&self, lame_duck: Duration) {
        let ramp = ramp::length(lame_duck).as_nanos();
        self.began.store(Instant::now().as_nanos(), Ordering::Relaxed);
        self.ramp.store(u64::try_from(ramp).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether the client of this answer is told to go.
    #[cold]
    pub(crate) fn tells_to_go(&self) -> bool {
        match self.phase() {
            Phase::Starting | Phase::Ready => false,
            Phase::Draining => {
                let began = Instant::from_nanos(self.began.load(Ordering::Relaxed));
                let length = Duration::from_nanos(self.ramp.load(Ordering::Relaxed));
                ramp::chance() < ramp::share(Instant::now().since(began), length)
            }
            _ => true,
        }
    }

    /// A moment within the rest of the ramp, from now on.
    pub(crate) fn moment_to_go(&self) -> Duration {
        self.rest_of_ramp().mul_f64(ramp::chance())
    }

    /// A moment within what comes after the ramp, from now on.
    #[cfg(feature = "hyper")]
    pub(crate) fn last_moment_to_go(&self) -> Duration {
        let length = Duration::from_nanos(self.ramp.load(Ordering::Relaxed));
        self.rest_of_ramp() + ramp::after(length).mul_f64(ramp::chance())
    }

    fn rest_of_ramp(&self) -> Duration {
        let began = Instant::from_nanos(self.began.load(Ordering::Relaxed));
        let length = Duration::from_nanos(self.ramp.load(Ordering::Relaxed));
        length.saturating_sub(Instant::now().since(began))
    }
}
