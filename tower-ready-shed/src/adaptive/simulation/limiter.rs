//! What bounds the service.

use std::time::Duration;

use tower_ready_core::Instant;

use super::{
    Call,
    peers::{Algorithm, Peer},
};
use crate::{
    Priority,
    adaptive::{Adaptive, Learner},
    gate::{Gate, Shares},
};

#[derive(Clone, Copy)]
pub(super) enum Limiter {
    Nothing,
    Fixed(u32),
    Adaptive(Adaptive),
    /// A law of another crate, behind the same gate: calls are turned away at its limit.
    Law(fn() -> Algorithm),
    /// A service of another crate as it is.
    Service(fn() -> Peer),
}

pub(super) const GRADIENT: Limiter = Limiter::Adaptive(Adaptive::gradient());
pub(super) const GRADIENT2: Limiter = Limiter::Adaptive(Adaptive::gradient2());
pub(super) const VEGAS: Limiter = Limiter::Adaptive(Adaptive::vegas());
/// The median without load is somewhat above eight milliseconds.
pub(super) const AIMD: Limiter = Limiter::Adaptive(Adaptive::aimd(SLOW));
pub(super) const SLOW: Duration = Duration::from_millis(12);

/// One of those in front of the service.
pub(super) enum Instance {
    Nothing,
    Ours { gate: Gate, learner: Option<Box<Learner>> },
    Law { algorithm: Algorithm, in_flight: usize },
    Service(Peer),
}

impl Limiter {
    pub(super) fn instance(self) -> Instance {
        match self {
            Self::Nothing => Instance::Nothing,
            Self::Fixed(limit) => {
                Instance::Ours { gate: Gate::new(limit, Shares::ALL, None), learner: None }
            }
            Self::Adaptive(adaptive) => {
                let learner = Learner::new(adaptive.checked().unwrap(), Instant::from_nanos(0));
                let gate = Gate::new(learner.limit(), Shares::ALL, None);
                Instance::Ours { gate, learner: Some(Box::new(learner)) }
            }
            Self::Law(make) => Instance::Law { algorithm: make(), in_flight: 0 },
            Self::Service(make) => Instance::Service(make()),
        }
    }
}

impl Instance {
    /// The number of a call, if it is let in.
    pub(super) fn admit(&mut self) -> Option<u64> {
        match self {
            Self::Nothing => Some(0),
            Self::Ours { gate, .. } => gate.try_take(Priority::Normal).then_some(0),
            Self::Law { algorithm, in_flight } => {
                let is_let_in = *in_flight < algorithm.limit();
                *in_flight += usize::from(is_let_in);
                is_let_in.then_some(0)
            }
            Self::Service(peer) => peer.admit(),
        }
    }

    /// A call is done. Returns another limit if there is one.
    pub(super) fn done(&mut self, call: Call, now: u64, spread: f64) -> Option<u32> {
        match self {
            Self::Nothing => None,
            Self::Ours { gate, learner } => {
                let limit = learner.as_ref().and_then(|learner| {
                    let (began, now) = (Instant::from_nanos(call.since), Instant::from_nanos(now));
                    learner.learn(began, now, gate, || spread)
                });
                gate.give_back();
                limit
            }
            Self::Law { algorithm, in_flight } => {
                let took = Duration::from_nanos(now - call.since);
                algorithm.record_success_with_load(took, *in_flight);
                *in_flight -= 1;
                Some(algorithm.limit() as u32)
            }
            Self::Service(peer) => {
                peer.done(call.number);
                None
            }
        }
    }
}
