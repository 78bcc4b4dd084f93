//! The truth about this instance, for balancers, orchestrators and people.
//!
//! Without it a balancer sends requests to an instance whose database is down, since it says 200 as
//! long as it runs; or every probe asks the database itself, which makes a hung query a hung probe
//! and the probe a way to attack it; or liveness asks too, and an orchestrator restarts the whole
//! fleet because of a database that a restart does not bring back.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_ready_shutdown::health::{Check, Health};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_ready_shutdown::health::ConfigError> {
//! # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
//! let health = Health::builder()
//!     .check(Check::new("database", || ping()).every(Duration::from_secs(5)))
//!     .check(Check::tcp("mail", "mail.internal:25").degrading())
//!     .build()?;
//! let app = Router::<()>::new().route("/", get(|| async { "ok" })).layer(health.layer());
//!
//! health.until_ready().await;
//! let probe = Request::get("/readyz").body(String::new()).unwrap();
//! assert_eq!(app.oneshot(probe).await.unwrap().status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Checks run in the background, each in a task of its own: one run at a time, from start to
//!    start at its [interval](Check::every) less up to a tenth, with a [timeout](Check::timeout). A
//!    run that hangs is dropped, one that panics has failed.
//! 2. A probe reads what was found last: some atomics, no lock, no wait. A thousand probes cause no
//!    check, and a hung check delays no probe.
//! 3. The first pass counts at once. Then it takes [`fall`](Check::fall) failures in a row to go
//!    down and [`rise`](Check::rise) passes to come back. What dies is noticed within
//!    interval × fall + timeout. A result older than [`max_stale`](Check::max_stale) is none.
//! 4. Readiness is the phase of the [lifecycle](HealthBuilder::lifecycle) first: an instance that
//!    starts or leaves is not ready. Then it is the worst of the checks: a
//!    [required](Check::required) one that fails takes the instance out, a
//!    [degrading](Check::degrading) one warns, an [informative](Check::informative) one counts for
//!    nothing.
//! 5. Startup is over when every required check has passed once, and stays so.
//! 6. Liveness has no checks, and cannot be given one: only the process itself
//!    ([`declare_broken`](Health::declare_broken)) and its runtime
//!    ([`stall_limit`](HealthBuilder::stall_limit)) have a say. It stays 200 through a drain.
//! 7. Who asks is told one word, unless [`detail`](HealthLayer::detail) or
//!    [`authorize`](HealthLayer::authorize) allow more. Error texts are told at [`Detail::Full`]
//!    alone, which belongs on an admin socket.
//!
//! ```compile_fail,E0599
//! # use tower_ready_shutdown::health::{Check, Health};
//! // There is no place for a dependency in liveness.
//! let health = Health::builder().build().unwrap();
//! health.live().check(Check::tcp("database", "db:5432"));
//! ```
//!
//! # What a caller sees
//!
//! | request | answer |
//! |---|---|
//! | `GET` or `HEAD /livez`, `/readyz`, `/startupz` | 200 or 503, and `pass`, `warn` or `fail`; never cached |
//! | `?verbose`, where names may be told | a line for each check: `database: pass` |
//! | `?check=database`, likewise | that check alone; 404 for a name that nobody knows |
//! | `Accept: application/json` | `{"status":"pass"}`, with a list `checks` where names may be told |
//! | `Accept: application/health+json` | the form of draft-inadarei-api-health-check-05 |
//! | another method | 405 |
//! | `grpc.health.v1.Health/Check` | `SERVING` or `NOT_SERVING`; the status `NOT_FOUND` for an unknown name |
//! | `grpc.health.v1.Health/Watch` | the same whenever it changes, `SERVICE_UNKNOWN` for an unknown name; at a drain `NOT_SERVING`, and the end |
//! | `grpc.health.v1.Health/List` | all names |
//!
//! `/healthz` is left out, since half the world uses it for liveness and the other half for
//! readiness; [`ready_at`](HealthLayer::ready_at) and [`live_at`](HealthLayer::live_at) say which it
//! is for you.
//!
//! # Its place
//!
//! [`HealthLayer`] stands outside of everything, around a whole server: a probe is neither counted
//! nor limited nor asked for a token. On tonic it answers `grpc.health.v1` as well, so that no
//! service has to be added; [`GrpcHealth`] is that service, where a router is wanted.
//! [`Endpoint`]s are for routes of your own, such as one with all details on an admin socket.
//!
//! # In operation
//!
//! - What all instances share should be [degrading](Check::degrading) or
//!   [fail open](Check::fail_open_after): if it is required and fails, the balancer has nobody left.
//! - A probe's own timeout may be a second or less, since nothing waits. Its period adds to the time
//!   that it takes to notice.
//! - Code that blocks its thread blocks a current-thread runtime with its probes; it belongs into
//!   `spawn_blocking`, in checks as well.
//! - A check of a host name looks it up each time. The system's resolver cannot be stopped: a lookup
//!   that outlives its timeout keeps a thread of tokio's blocking pool until the resolver gives up.
//!
//! # Events
//!
//! | what | when |
//! |---|---|
//! | [`Change`], to [`OnChange`] | the first result of a check, and each change after rise and fall |

mod accept;
mod answer;
mod board;
mod body;
mod builder;
mod check;
mod checks;
mod damper;
mod detail;
mod endpoint;
mod error;
mod event;
mod future;
mod grpc;
mod handle;
mod layer;
mod liveness;
mod refresh;
mod render;
mod report;
mod service;
mod slot;
mod stage;
mod status;

pub use self::{
    body::{HealthBody, ProbeBody},
    builder::HealthBuilder,
    check::Check,
    detail::Detail,
    endpoint::Endpoint,
    error::{ConfigError, ConfigErrorKind},
    event::{Change, OnChange},
    future::HealthFuture,
    grpc::{GrpcFuture, GrpcHealth},
    handle::Health,
    layer::HealthLayer,
    report::CheckReport,
    service::HealthService,
    status::{Criticality, Status},
};
