use std::{fmt, sync::Arc};

use tower_ready_core::Instant;

use crate::{ConfigError, Lifecycle, OnLifecycle, Timings, inner::Inner, signals};

/// Sets up a [`Lifecycle`]. Everything has a default.
#[must_use = "nothing begins until it is built"]
pub struct LifecycleBuilder {
    timings: Timings,
    observer: Box<dyn OnLifecycle>,
}

impl LifecycleBuilder {
    pub(crate) fn new() -> Self {
        Self { timings: Timings::auto(), observer: Box::new(()) }
    }

    /// How long the parts of the end may take. Default: [those of the platform](Timings::auto).
    pub fn timings(mut self, timings: Timings) -> Self {
        self.timings = timings;
        self
    }

    /// Hears of what happens. Default: nobody.
    pub fn on_event(mut self, observer: impl OnLifecycle) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Checks the settings. It hears of no signal: the end begins with
    /// [`drain`](Lifecycle::drain).
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<Lifecycle, ConfigError> {
        // The first read of the clock takes its time, and is not left to a request.
        let _ = Instant::now();
        Ok(Lifecycle(Arc::new(Inner::new(self.timings.checked()?, self.observer))))
    }

    /// The same, and hears of signals from now on, so before anything else of the process is there.
    ///
    /// The first SIGTERM or SIGINT begins the end, without a lame duck for Ctrl-C at a terminal. A
    /// second one leaves it [a rush](Timings::rush), and a third exits at once. SIGQUIT ends the lame
    /// duck. They are heard on a thread of their own, also while the runtime is stuck.
    ///
    /// Under systemd, and whoever else sets `NOTIFY_SOCKET`, the manager is told when the process is
    /// ready, when it stops, that it takes its time, and with `WATCHDOG_USEC` that the runtime is
    /// alive.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, or the system does not let us hear of signals.
    pub fn install(self) -> Result<Lifecycle, ConfigError> {
        let lifecycle = self.for_the_manager().build()?;
        signals::hear(&lifecycle).map_err(ConfigError::signals)?;
        Ok(lifecycle)
    }
}

impl LifecycleBuilder {
    /// Tells a service manager that wants to know.
    #[cfg(unix)]
    fn for_the_manager(mut self) -> Self {
        // One that is not to be reached finds out by its own timeout.
        if let Ok(Some(manager)) = crate::handover::SdNotify::from_env() {
            self.observer = Box::new((manager, self.observer));
        }
        self
    }

    #[cfg(not(unix))]
    const fn for_the_manager(self) -> Self {
        self
    }
}

impl fmt::Debug for LifecycleBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifecycleBuilder").field("timings", &self.timings).finish_non_exhaustive()
    }
}
