//! When not to ask.

use std::{sync::Mutex, time::Duration};

use tower_ready_core::Instant;

/// A small circuit breaker: after some failures in a row nobody asks for a while, then one does.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    has_succeeded: bool,
    in_a_row: u32,
    /// Nobody asks before this moment.
    until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration) -> Self {
        Self {
            failures,
            pause,
            state: Mutex::new(State { has_succeeded: false, in_a_row: 0, until: None }),
        }
    }

    /// Whether asking is of no use now.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.state().until.is_some_and(|until| now < until)
    }

    /// Whether a call may be made. While the breaker is open one is, after each pause.
    pub(super) fn admit(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.until {
            Some(until) if now < until => false,
            Some(_) => {
                state.until = Some(now + self.pause);
                true
            }
            None => true,
        }
    }

    /// How a call went. Returns whether it closed the breaker, or opened it.
    pub(super) fn record(&self, now: Instant, succeeded: bool) -> Option<bool> {
        let mut state = self.state();
        let was_open = state.until.is_some();
        if succeeded {
            *state = State { has_succeeded: true, in_a_row: 0, until: None };
            return was_open.then_some(false);
        }
        state.in_a_row = state.in_a_row.saturating_add(1);
        if state.in_a_row >= self.failures {
            state.until = Some(now + self.pause);
        }
        (!was_open && state.until.is_some()).then_some(true)
    }

    /// Whether any call ever succeeded.
    pub(super) fn has_succeeded(&self) -> bool {
        self.state().has_succeeded
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_some_failures_in_a_row_one_call_a_pause_finds_out() {
        let pause = Duration::from_secs(1);
        let breaker = Breaker::new(3, pause);
        let now = Instant::from_nanos(1_000);
        for (succeeded, opened) in
            [(false, None), (true, None), (false, None), (false, None), (false, Some(true))]
        {
            assert!(breaker.admit(now));
            assert_eq!(breaker.record(now, succeeded), opened);
        }
        assert!(breaker.is_open(now) && !breaker.admit(now));
        let later = now + pause;
        assert!(!breaker.is_open(later) && breaker.admit(later));
        assert!(!breaker.admit(later), "one is enough");
        assert_eq!(breaker.record(later, false), None);
        assert!(breaker.admit(later + pause));
        assert_eq!(breaker.record(later + pause, true), Some(false));
        assert!(breaker.admit(later + pause) && breaker.admit(later + pause));
    }
}
