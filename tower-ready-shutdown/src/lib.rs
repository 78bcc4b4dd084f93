//! Leave without losing a request, and tell the truth about health: lifecycle, drain and health
//! checks for services on axum, tonic and hyper.
//!
//! Without it every deployment loses requests. On SIGTERM a process dies with what is in flight, or
//! shuts down "gracefully": it closes its listener, which resets whoever waits in the kernel's
//! queue, and it closes idle connections, on which the next request may have arrived already. Of a
//! hundred requests that were in the kernel when the signal came, `axum::serve` with its own graceful
//! shutdown answered none on new connections, and 22 to 44 on idle ones. Then it waits for a client
//! that sits on half a head, until it is killed. WebSockets break, background work is cut, and nobody
//! says what was lost.
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use tokio::net::TcpListener;
//! use tower_ready_shutdown::{Lifecycle, Phase, Timings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // `Lifecycle::install()` finds out about the platform and hears of signals.
//! let timings = Timings::new(Duration::ZERO, Duration::from_secs(10));
//! let lifecycle = Lifecycle::builder().timings(timings).build()?;
//! let app = Router::new().route("/", get(|| async { "ok" })).layer(lifecycle.layer());
//! lifecycle.on_stop("telemetry", || async { /* flush */ });
//!
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let server = lifecycle.serve_axum(listener, app);
//! lifecycle.drain();
//! let report = lifecycle.run(server).await;
//! assert!(report.is_clean(), "{report}");
//! assert_eq!(lifecycle.phase(), Phase::Stopped);
//! # Ok(())
//! # }
//! ```
//!
//! The same on tonic is [`Lifecycle::incoming`], and on hyper [`Lifecycle::server`].
//!
//! # The phases
//!
//! | [`Phase`] | begins | connections | requests |
//! |---|---|---|---|
//! | `Starting` | when it is built | accepted, since probes want answers | served |
//! | `Ready` | when it [runs](Lifecycle::run) and its [gates](Lifecycle::gate) are open | accepted | served |
//! | `Draining` | on SIGTERM, or [`drain`](Lifecycle::drain) | still accepted: balancers need time to notice | served; clients are told to go, few at first and all at last |
//! | `Closing` | when the lame duck is over | those in the queue, then the listener closes | those on their way are served, with `Connection: close` |
//! | `Stopping` | when nothing is in flight, or the time for it is over | none | none; [tasks](Lifecycle::spawn) and [hooks](Lifecycle::on_stop) end, the latest first |
//! | `Stopped`, `Forced` | at last | – | – |
//!
//! # Rules
//!
//! 1. There is one budget, of [`Timings`]: lame duck, drain, hooks. What a phase does not need, the
//!    next one gets; nothing has a timer that starts anew.
//! 2. A second signal leaves a [rush](Timings::rush), a third exits at once with 128 and its number,
//!    also while the runtime is stuck. Signals are heard from [`install`](Lifecycle::install) on, so
//!    none is lost before there is a server.
//! 3. A request is in flight until its body is complete, fails or is dropped, whether by a caller that
//!    leaves or by a panic.
//! 4. All is over when no request is in flight and no connection is open. Upgraded connections count
//!    without any help of their handlers.
//! 5. An empty queue is one of which the kernel said so, after the last connection was taken from it.
//! 6. In `Closing`, a connection that is silent or idle gets [`linger`](Timings::linger) for a request
//!    that is on its way, and one on half a head [`straggler`](Timings::straggler) more. None of them
//!    keeps the process: neither half a head, nor a silent preface of HTTP/2, nor half a handshake.
//! 7. What is still there when the time is over is cut, and named in the [`Report`]: method, route, id,
//!    peer, age and bytes. A body that is cut never looks whole, on HTTP/1.0 neither.
//! 8. Hooks and tasks that hang or panic do not stop the rest.
//! 9. `drain` can be [taken back](Lifecycle::resume) while the lame duck lasts. A signal cannot.
//! 10. The process exits by itself on a third signal only. Otherwise [`Lifecycle::run`] returns, and
//!     `main` does so with [`Report::exit_code`].
//!
//! # What a caller sees
//!
//! | protocol | of a drain | in `Closing`, with [`reject_when_closing`](ShutdownLayer::reject_when_closing) |
//! |---|---|---|
//! | HTTP/1.1 | `Connection: close` on answers, by a ramp over four fifths of the lame duck, then on all | 503, the problem `unavailable`, `Retry-After` of 1 to 3 s |
//! | HTTP/2 | GOAWAY: under [`Server`](Lifecycle::server) when nothing is in flight, from a moment of its own within the ramp on; on other hosts, if it is not inside of TLS, after the ramp. What the client sends nevertheless is served | the same |
//! | gRPC | the same | `UNAVAILABLE` |
//! | server-sent events | [the end](Lifecycle::end_on_drain), with a last event | |
//! | WebSocket | Close 1001, with `streams::say_goodbye` | |
//!
//! All at once would not do: clients that are told to go in the same moment come back in the same
//! moment, as new connections, to a listener that is about to close.
//!
//! # Its place
//!
//! The [layer](Lifecycle::layer) goes outside of all others, so that rejections are counted too, and
//! inside of [`health`], so that probes are not.
//!
//! # In operation
//!
//! - **Kubernetes**: `terminationGracePeriodSeconds` has to be more than
//!   [`Timings::total`](Timings::total), 26 s by default. No `preStop` sleep is needed, since the lame
//!   duck is one; and no shell, so images without one are fine.
//! - **Docker**: `docker stop` kills after 10 s, which [`Timings::docker`] fits into. As process 1 we
//!   hear signals since we ask for them; a shell in front of us would not pass them on.
//! - **systemd**: `Type=notify` is told of readiness and of the end, and [`handover`] takes over
//!   sockets, so that a restart refuses nobody.
//! - **nginx** has no health checks of its own and does not repeat a `POST`: it depends on the lame
//!   duck and on the queue that is emptied. **haproxy** leaves after three failed checks, 6 s by
//!   default; `option httpchk GET /readyz`.
//! - An idle connection has to be kept for longer than the balancer in front keeps it: [`Server`]'s
//!   75 s are more than nginx's 60 s.
//! - Between the last look at the queue and its close some microseconds remain, in which a connection
//!   is reset. Only a [socket that outlives the process](handover) has no such gap.
//! - Blocking work, in `spawn_blocking`, cannot be cut: a runtime that is dropped waits for it.
//!   `Runtime::shutdown_background` does not.
//!
//! [`Server`]: Lifecycle::server
//!
//! # Events and numbers
//!
//! | [`Event`] | when |
//! |---|---|
//! | `Phase` | a phase begins, with who asked for the end |
//! | `GateWaits`, `GateLost` | what a gate waits for is not there; nobody can open it any more |
//! | `Waiting` | every five seconds of an end |
//! | `Ended` | a task or a hook is over |
//! | `Over` | all is over, with the [`Report`] |
//!
//! [`Lifecycle::in_flight`], [`Lifecycle::connections`] and [`Lifecycle::phase`] are for gauges. A
//! request costs an atomic addition, an atomic subtraction and no allocation.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tracing` | yes | the events as lines of the log, target `tower_ready_shutdown` |
//! | `axum` | no | a listener for `axum::serve`, and the whole of it in one call; costs axum |
//! | `ws` | no | Close 1001 for axum's WebSockets; costs axum's `ws` |
//! | `tonic` | no | connections for tonic's server, and health as a service of it; costs tonic |
//! | `hyper` | no | a server of our own; costs hyper and hyper-util |
//! | `socket-activation` | no | sockets from a service manager; costs listenfd |
//! | `redis` | no | a health check of Redis |
//! | `disk` | no | a health check of a disk; costs rustix |
//!
//! Under the feature `test-util` of tower-ready-core, tokio's paused clock rules all of this.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod builder;
mod conduct;
mod connection;
mod error;
mod event;
#[cfg(test)]
mod explored;
mod flight;
mod gate;
pub mod handover;
pub mod health;
mod inner;
mod layer;
mod lifecycle;
mod listener;
#[cfg(feature = "tracing")]
mod log;
mod phase;
mod phases;
mod plan;
mod ramp;
mod report;
mod retry;
mod roster;
#[cfg(feature = "hyper")]
mod server;
mod server_result;
mod service;
mod signals;
mod stamp;
pub mod streams;
mod sync;
mod timings;
mod traffic;
mod work;

#[cfg(feature = "tonic")]
pub use self::listener::Incoming;
#[cfg(feature = "axum")]
pub use self::listener::{AxumListener, Connections, ConnectionsFuture};
#[cfg(feature = "hyper")]
pub use self::server::{Handshake, Plain, Server, Tls};
pub use self::{
    builder::LifecycleBuilder,
    connection::{OnConnection, OnConnectionFuture, TrackedIo},
    error::{ConfigError, ConfigErrorKind},
    event::{Cause, Event, OnLifecycle},
    flight::Flight,
    gate::Gate,
    layer::ShutdownLayer,
    lifecycle::Lifecycle,
    listener::{Accept, Listener},
    phase::Phase,
    phases::Phases,
    report::{Ended, How, Leftover, LeftoverKind, Report, Stage},
    retry::Retry,
    server_result::ServerResult,
    service::{ShutdownBody, ShutdownFuture, ShutdownService},
    timings::Timings,
    work::StopToken,
};

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
