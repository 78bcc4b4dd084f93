//! The policy, which is the handle too.

use std::{fmt, sync::Arc};

use tokio::{sync::watch, task::AbortHandle};
use tower_ready_core::Instant;

use super::{
    CheckReport, Endpoint, GrpcHealth, HealthBuilder, HealthLayer, Status,
    board::{Board, Verdict},
    liveness::Liveness,
    report::{self, Question},
};

/// How well this instance is: live, started, ready.
///
/// Clones share everything, and so does all that is made from it. Checks run in the background for
/// as long as there is one; whoever asks reads what they found last.
///
/// ```
/// use tower_ready_shutdown::health::{Check, Health, Status};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_ready_shutdown::health::ConfigError> {
/// # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
/// let health = Health::builder().check(Check::new("database", || ping())).build()?;
/// health.until_ready().await;
/// assert_eq!(health.readiness(), Status::Pass);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Health(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) board: Arc<Board>,
    pub(super) live: Arc<Liveness>,
    pub(super) about: About,
    /// Sorted, with the empty name.
    pub(super) grpc_services: Vec<String>,
    pub(super) tasks: Vec<AbortHandle>,
}

/// What `application/health+json` says of the service itself.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) version: Option<String>,
    pub(super) release: Option<String>,
    pub(super) service_id: Option<String>,
}

impl Health {
    /// Starts without any check: an instance that is ready when its lifecycle is.
    pub fn builder() -> HealthBuilder {
        HealthBuilder::new()
    }

    /// Whether requests should come here: `Warn` and `Pass` are ready.
    #[must_use]
    pub fn readiness(&self) -> Status {
        self.0.board.readiness(Instant::now())
    }

    /// Whether requests should come here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.readiness() != Status::Fail
    }

    /// Whether the process works, which no dependency has a say in.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.live.is_live(Instant::now())
    }

    /// Whether the start is over: every required check has passed once.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.0.board.startup() == Status::Pass
    }

    /// Declares that this process cannot work any more and has to be replaced, for a reason: a
    /// thread that others wait for has died, a lock is poisoned. Liveness fails from now on.
    pub fn declare_broken(&self, reason: impl Into<String>) {
        self.0.live.declare_broken(reason.into());
    }

    /// Waits until the instance is ready.
    pub async fn until_ready(&self) {
        // The sender is ours, so this cannot fail before it is true.
        let _ = self.watch().wait_for(|verdict| *verdict == Verdict::Ready).await;
    }

    /// How each check is, with the error of its last run: not for everybody's eyes.
    #[must_use]
    pub fn checks(&self) -> Vec<CheckReport> {
        report::readiness(&self.0.board, Instant::now())
    }

    /// A service that says whether the process works, for `/livez`.
    pub fn live(&self) -> Endpoint {
        Endpoint::new(self.clone(), Question::Live)
    }

    /// A service that says whether requests should come here, for `/readyz`.
    pub fn ready(&self) -> Endpoint {
        Endpoint::new(self.clone(), Question::Ready)
    }

    /// A service that says whether the start is over, for `/startupz`.
    pub fn startup(&self) -> Endpoint {
        Endpoint::new(self.clone(), Question::Startup)
    }

    /// A layer that answers `/livez`, `/readyz`, `/startupz` and `grpc.health.v1` in front of any
    /// service, so that probes bypass everything.
    pub fn layer(&self) -> HealthLayer {
        HealthLayer::new(self.clone())
    }

    /// `grpc.health.v1.Health` as a service, for tonic's `add_service` and any router.
    pub fn grpc(&self) -> GrpcHealth {
        GrpcHealth::new(self.clone())
    }

    pub(super) fn watch(&self) -> watch::Receiver<Verdict> {
        self.0.board.watch()
    }

    pub(super) fn status(&self, question: Question) -> Status {
        match question {
            Question::Live if self.is_live() => Status::Pass,
            Question::Live => Status::Fail,
            Question::Ready => self.readiness(),
            Question::Startup => self.0.board.startup(),
        }
    }

    pub(super) fn report(&self, question: Question) -> Vec<CheckReport> {
        let now = Instant::now();
        match question {
            Question::Live => report::liveness(&self.0.live, now),
            Question::Ready => report::readiness(&self.0.board, now),
            Question::Startup => report::startup(&self.0.board, now),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("readiness", &self.readiness())
            .field("live", &self.is_live())
            .finish_non_exhaustive()
    }
}
