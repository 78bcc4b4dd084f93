//! Leave without losing a request, and tell the truth about health: lifecycle, drain and health checks for services on axum, tonic and hyper.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod body;
mod builder;
mod conduct;
mod connection;
mod error;
mod event;
mod flight;
mod future;
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
mod timings;
mod traffic;
mod work;

#[cfg(any(feature = "axum", feature = "hyper"))]
pub use self::connection::{OnConnection, OnConnectionFuture};
#[cfg(feature = "tonic")]
pub use self::listener::Incoming;
#[cfg(feature = "axum")]
pub use self::listener::{AxumListener, Connections, ConnectionsFuture};
#[cfg(feature = "hyper")]
pub use self::server::{Handshake, Plain, Server, Tls};
pub use self::{
    body::ShutdownBody,
    builder::LifecycleBuilder,
    connection::TrackedIo,
    error::{ConfigError, ConfigErrorKind},
    event::{Cause, Event, OnLifecycle},
    future::ShutdownFuture,
    gate::Gate,
    layer::ShutdownLayer,
    lifecycle::Lifecycle,
    listener::{Accept, Listener},
    phase::Phase,
    phases::Phases,
    report::{Ended, How, Leftover, LeftoverKind, Report, Stage},
    retry::Retry,
    server_result::ServerResult,
    service::ShutdownService,
    timings::Timings,
    work::StopToken,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
