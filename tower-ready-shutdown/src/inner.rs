//! What the clones of a lifecycle share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    Cause, Event, OnLifecycle, Phase, Timings, connection::Connection, flight::Request, plan::Plan,
    roster::Roster, traffic::Traffic, work::Work,
};

pub(crate) struct Inner {
    pub(crate) timings: Timings,
    observer: Box<dyn OnLifecycle>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) phases: watch::Sender<Phase>,
    pub(crate) startup: Mutex<Startup>,
    /// The deadlines, once the end has begun.
    pub(crate) leave: Mutex<Option<Leave>>,
    /// Wakes whoever waits for a deadline that may be another now.
    pub(crate) replanned: Notify,
    pub(crate) work: Mutex<Vec<Arc<Mutex<Option<Work>>>>>,
    /// The requests in flight of layers that describe them.
    pub(crate) requests: Roster<Request>,
    pub(crate) connections: Roster<Connection>,
    /// The listeners that still accept.
    pub(crate) listeners: AtomicUsize,
    /// Whether a server runs that has to end by itself.
    pub(crate) serving: AtomicBool,
    /// Whether hosts may shut their connections down.
    pub(crate) host: watch::Sender<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct Startup {
    /// The gates that are not open.
    pub(crate) closed: Vec<String>,
    /// Whether the server is there.
    pub(crate) serving: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Leave {
    pub(crate) plan: Plan,
    pub(crate) cause: Cause,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(crate) fn new(timings: Timings, observer: Box<dyn OnLifecycle>) -> Self {
        Self {
            timings,
            observer,
            traffic: Traffic::new(),
            phases: watch::Sender::new(Phase::Starting),
            startup: Mutex::default(),
            leave: Mutex::default(),
            replanned: Notify::new(),
            work: Mutex::default(),
            requests: Roster::new(),
            connections: Roster::new(),
            listeners: AtomicUsize::new(0),
            serving: AtomicBool::new(false),
            host: watch::Sender::new(false),
        }
    }

    /// Tells whoever wants to know.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        #[cfg(feature = "tracing")]
        crate::log::write(event);
        self.observer.on_event(event);
    }

    pub(crate) fn in_flight(&self) -> usize {
        Traffic::in_flight(&self.traffic)
    }

    pub(crate) fn leave(&self) -> Option<Leave> {
        *lock(&self.leave)
    }

    /// Changes the phase, if that may be done from the present one. Whether it did.
    pub(crate) fn enter(&self, to: Phase, may: impl FnOnce(Phase) -> bool) -> bool {
        let mut from = None;
        self.phases.send_if_modified(|phase| {
            // Within the lock of the phase, so that the deadlines fit to it.
            if may(*phase) {
                from = Some(*phase);
                *phase = to;
                self.traffic.set_phase(to);
            }
            from.is_some()
        });
        let Some(from) = from else {
            return false;
        };
        let cause = self.leave().map(|leave| leave.cause);
        self.tell(&Event::Phase { from, to, cause });
        self.replanned.notify_one();
        true
    }

    /// Begins the end.
    pub(crate) fn drain(&self, cause: Cause, lame_duck: Duration) {
        self.enter(Phase::Draining, |phase| {
            let begins = !phase.is_leaving();
            if begins {
                // Nobody sends requests to a process that never was ready.
                let lame_duck = if phase == Phase::Ready { lame_duck } else { Duration::ZERO };
                self.traffic.begin_ramp(lame_duck);
                let plan = Plan::new(Instant::now(), &self.timings, lame_duck);
                *lock(&self.leave) = Some(Leave { plan, cause });
            }
            begins
        });
    }

    pub(crate) fn resume(&self) -> bool {
        self.enter(Phase::Ready, |phase| {
            let mut leave = lock(&self.leave);
            let asked = matches!(&*leave, Some(Leave { cause: Cause::Asked, .. }));
            // The platform that sent a signal will kill us whatever we say.
            let may = phase == Phase::Draining && asked;
            if may {
                *leave = None;
            }
            may
        })
    }

    pub(crate) fn replan(&self, change: impl FnOnce(&mut Plan)) {
        if let Some(leave) = lock(&self.leave).as_mut() {
            change(&mut leave.plan);
        }
        self.replanned.notify_one();
    }

    /// Whether there is nothing left to wait for.
    pub(crate) fn is_quiet(&self) -> bool {
        self.in_flight() == 0
            && self.connections.len() == 0
            && self.listeners.load(Ordering::SeqCst) == 0
            && !self.serving.load(Ordering::SeqCst)
    }
}
