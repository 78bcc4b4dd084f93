use std::{
    fmt,
    future::IntoFuture,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    Cause, ConfigError, Event, Gate, How, LifecycleBuilder, Phase, Phases, Report, ServerResult,
    ShutdownLayer, StopToken, conduct::conduct, inner::Inner, inner::lock, work::AbortOnDrop,
    work::TIMEOUT, work::Work,
};

/// The life of a process: where it is, what it waits for, and how it ends. Clones are one.
#[derive(Clone)]
pub struct Lifecycle(pub(crate) Arc<Inner>);

impl Lifecycle {
    /// Sets one up.
    pub fn builder() -> LifecycleBuilder {
        LifecycleBuilder::new()
    }

    /// One with the [timings](crate::Timings::auto) of the platform, which hears of signals from now on.
    ///
    /// # Errors
    ///
    /// When the system does not let us hear of signals.
    pub fn install() -> Result<Self, ConfigError> {
        Self::builder().install()
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

    /// Resolves when the end has begun: the time to end streams and to take on no more work. A
    /// [`resume`](Self::resume) comes too late for whoever has heard it.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut phases = self.phases();
        async move {
            phases.until(Phase::is_leaving).await;
        }
    }

    /// Resolves when the lame duck is over and nobody is accepted any more.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut phases = self.phases();
        async move {
            phases.until(|phase| phase >= Phase::Closing).await;
        }
    }

    /// Resolves when a host may begin its own graceful shutdown: the queues of our
    /// [listeners](Self::listener) are empty and closed, and whoever had connected has had its time
    /// to send a request. For `axum::serve(…).with_graceful_shutdown(…)` and tonic's
    /// `serve_with_incoming_shutdown(…)`, which by themselves would close on requests that they have
    /// not read yet.
    ///
    /// It needs [`run`](Self::run), which watches over that.
    pub fn graceful(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut host = self.0.host.subscribe();
        let kept = self.clone();
        async move {
            // The sender is ours, so this cannot fail.
            let _ = host.wait_for(|may| *may).await;
            drop(kept);
        }
    }

    /// How many requests are in flight, to the ends of their bodies, as far as [layers](Self::layer)
    /// count them.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.in_flight()
    }

    /// How many connections are open, as far as they came through our listeners.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.len()
    }

    /// The layer that counts requests in flight and tells clients to go.
    pub fn layer(&self) -> ShutdownLayer {
        ShutdownLayer::new(self.clone())
    }

    /// Keeps the phase at [`Starting`](Phase::Starting) until the gate is opened. Once the process
    /// has been ready, or leaves, a gate holds nothing back.
    pub fn gate(&self, name: impl Into<String>) -> Gate {
        let name = name.into();
        lock(&self.0.startup).closed.push(name.clone());
        Gate::new(self.clone(), name)
    }

    /// The names of the gates that are closed.
    #[must_use]
    pub fn closed_gates(&self) -> Vec<String> {
        lock(&self.0.startup).closed.clone()
    }

    /// Says that the server is there. [`run`](Self::run) does so; the phase is
    /// [`Ready`](Phase::Ready) as soon as no gate is closed.
    pub fn ready(&self) {
        lock(&self.0.startup).serving = true;
        self.ready_if_open();
    }

    pub(crate) fn gate_opened(&self, name: &str) {
        let mut startup = lock(&self.0.startup);
        if let Some(place) = startup.closed.iter().position(|closed| closed == name) {
            startup.closed.swap_remove(place);
        }
        drop(startup);
        self.ready_if_open();
    }

    pub(crate) fn gate_lost(&self, name: &str) {
        if self.phase() == Phase::Starting {
            self.0.tell(&Event::GateLost { name });
        }
    }

    fn ready_if_open(&self) {
        self.0.enter(Phase::Ready, |phase| {
            let startup = lock(&self.0.startup);
            phase == Phase::Starting && startup.serving && startup.closed.is_empty()
        });
    }

    /// Begins the end, with a lame duck if the process is ready.
    pub fn drain(&self) {
        self.0.drain(Cause::Asked, self.0.timings.lame_duck);
    }

    /// Takes [`drain`](Self::drain) back while the lame duck lasts, and says whether that was still
    /// possible. An end that a signal began stays: the platform is about to kill us.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn resume(&self) -> bool {
        self.0.resume()
    }

    /// Ends the lame duck, or begins the end without one.
    pub fn close(&self) {
        self.0.drain(Cause::Asked, Duration::ZERO);
        self.0.replan(|plan| plan.close(Instant::now()));
    }

    /// Ends within [`Timings::rush`](crate::Timings::rush): what a second signal does.
    pub fn rush(&self) {
        self.0.drain(Cause::Asked, Duration::ZERO);
        self.0.replan(|plan| plan.rush(Instant::now(), self.0.timings.rush));
    }

    /// Runs a background task until its turn to end comes: after the requests, and before all that
    /// was registered before it. It has two seconds then, and is dropped if it takes longer.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn<F, R>(&self, name: impl Into<String>, task: F)
    where
        F: FnOnce(StopToken) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        let slot = Arc::new(Mutex::new(None));
        let ended = (Arc::downgrade(&self.0), Arc::downgrade(&slot), name.clone());
        let mut work = lock(&self.0.work);
        let over = move |how: How| {
            let (inner, slot, name) = ended;
            let (Some(inner), Some(slot)) = (inner.upgrade(), slot.upgrade()) else {
                return;
            };
            // Only one that ends before its turn still has its place. A panic is for the report.
            if how == How::Done {
                lock(&inner.work).retain(|other| !Arc::ptr_eq(other, &slot));
            } else if lock(&slot).is_some() {
                let ended = crate::Ended { name, how, took: Duration::ZERO };
                inner.tell(&Event::Ended { ended: &ended });
            }
        };
        *lock(&slot) = Some(Work::task(name, task, over));
        work.push(slot);
    }

    /// Runs this when the process ends: after the requests, and before all that was registered
    /// before it. It may take two seconds.
    pub fn on_stop<F, R>(&self, name: impl Into<String>, hook: F)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.on_stop_within(TIMEOUT, name, hook);
    }

    /// The same with another time; no more than what is left of all hooks' time, though.
    pub fn on_stop_within<F, R>(&self, time: Duration, name: impl Into<String>, hook: F)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let work = Work::hook(name.into(), time, hook);
        lock(&self.0.work).push(Arc::new(Mutex::new(Some(work))));
    }

    /// Lives: serves until the end was asked for, lets what is in flight finish within its time,
    /// runs the hooks, and says how it went.
    ///
    /// The server should end by itself on [`graceful`](Self::graceful); one that does not is dropped
    /// when its time is over. A server that ends early, or fails, begins the end.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn run<S>(&self, server: S) -> Report
    where
        S: IntoFuture,
        S::Output: ServerResult,
    {
        self.0.serving.store(true, Ordering::SeqCst);
        // A task of its own, since a server may be busy in a task of its own too.
        let mut conductor = tokio::spawn(conduct(self.clone()));
        let _aborted = AbortOnDrop(conductor.abort_handle());
        #[cfg(unix)]
        let _watchdog = AbortOnDrop(tokio::spawn(crate::handover::watchdog()).abort_handle());
        self.ready();
        let server_error = tokio::select! {
            result = server.into_future() => result.error(),
            report = &mut conductor => return Report::of(report),
        };
        self.0.serving.store(false, Ordering::SeqCst);
        self.0.drain(Cause::ServerEnded, Duration::ZERO);
        let mut report = Report::of(conductor.await);
        report.server_error = report.server_error.or(server_error);
        report
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("phase", &self.phase())
            .field("in_flight", &self.in_flight())
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
