use std::{fmt, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::{
    Check, ConfigError, ConfigErrorKind, Health, OnChange,
    board::Board,
    check::Look,
    damper::Damper,
    handle::{About, Inner},
    liveness::Liveness,
    refresh::{Schedule, refresh},
    slot::Slot,
    stage::Follow,
};
use crate::Lifecycle;

/// Puts [`Health`] together.
#[must_use = "nothing is checked until it is built"]
pub struct HealthBuilder {
    checks: Vec<Check>,
    stage: Follow,
    stall_limit: Option<Duration>,
    about: About,
    grpc_services: Vec<String>,
    observer: Box<dyn OnChange>,
}

impl HealthBuilder {
    pub(super) fn new() -> Self {
        Self {
            checks: Vec::new(),
            stage: Follow::nobody(),
            stall_limit: None,
            about: About::default(),
            grpc_services: Vec::new(),
            observer: Box::new(()),
        }
    }

    /// The life of the process, which health tells of: an instance that starts or leaves is not
    /// ready, whatever its checks say. Default: none, which is always ready.
    pub fn lifecycle(mut self, lifecycle: &Lifecycle) -> Self {
        self.stage = Follow::lifecycle(lifecycle);
        self
    }

    /// A dependency that readiness and startup ask for. Liveness never does: a database that is
    /// down would have the whole fleet restarted, which does not bring it back. Default: none.
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Liveness fails when the runtime has not run a waiting task for so long: all its threads are
    /// blocked, or caught in a loop. Default: not watched.
    ///
    /// It helps where probes are answered by another runtime than the one that hangs, and for
    /// [`Health::is_live`] in a watchdog. Use several times what the slowest handler may block.
    pub fn stall_limit(mut self, limit: Duration) -> Self {
        self.stall_limit = Some(limit);
        self
    }

    /// The version of the service, for `application/health+json`. Default: none.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.about.version = Some(version.into());
        self
    }

    /// The build or commit, for `application/health+json`. Default: none.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.about.release = Some(release.into());
        self
    }

    /// What this service is called, for `application/health+json`. Default: none.
    pub fn service_id(mut self, id: impl Into<String>) -> Self {
        self.about.service_id = Some(id.into());
        self
    }

    /// A name under which `grpc.health.v1` knows the readiness, beside the empty one. Default: none.
    pub fn grpc_service(mut self, name: impl Into<String>) -> Self {
        self.grpc_services.push(name.into());
        self
    }

    /// Hears when a check changes. Default: nobody.
    pub fn on_change(mut self, observer: impl OnChange) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Checks the settings and begins to check what was given, at once. It goes on until the last
    /// clone of [`Health`] is dropped, and of all that was made from it.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do, or there is no tokio runtime.
    pub fn build(self) -> Result<Health, ConfigError> {
        let looks = self.validate()?;
        let no_runtime = |_| ConfigError::new(ConfigErrorKind::Runtime, "");
        let runtime = Handle::try_current().map_err(no_runtime)?;
        let slots = self.checks.iter().map(Slot::new).collect();
        let board = Arc::new(Board::new(slots, self.stage, self.observer));
        let live = Arc::new(Liveness::new(self.stall_limit));

        let checks = looks.into_iter().zip(&self.checks).enumerate();
        let mut tasks: Vec<_> = checks
            .map(|(index, (look, check))| {
                let damper = Damper::new(check.rise, check.fall);
                let refresh = refresh(Arc::clone(&board), index, look, Schedule::of(check), damper);
                runtime.spawn(refresh).abort_handle()
            })
            .collect();
        let followed = Arc::clone(&board);
        tasks.push(runtime.spawn(async move { followed.follow().await }).abort_handle());
        if let Some(limit) = self.stall_limit {
            let live = Arc::clone(&live);
            tasks.push(runtime.spawn(async move { live.keep_time(limit).await }).abort_handle());
        }
        let mut grpc_services = self.grpc_services;
        grpc_services.push(String::new());
        grpc_services.sort();
        grpc_services.dedup();
        Ok(Health(Arc::new(Inner { board, live, about: self.about, grpc_services, tasks })))
    }

    fn validate(&self) -> Result<Vec<Look>, ConfigError> {
        let looks = self.checks.iter().map(Check::validate).collect::<Result<_, _>>()?;
        let mut names: Vec<_> = self.checks.iter().map(|check| &check.name).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::new(ConfigErrorKind::DuplicateName, &**twice[0]));
        }
        if self.stall_limit == Some(Duration::ZERO) {
            return Err(ConfigError::new(ConfigErrorKind::StallLimit, ""));
        }
        Ok(looks)
    }
}

impl fmt::Debug for HealthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthBuilder")
            .field("checks", &self.checks)
            .field("stall_limit", &self.stall_limit)
            .field("grpc_services", &self.grpc_services)
            .finish_non_exhaustive()
    }
}
