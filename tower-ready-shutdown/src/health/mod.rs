//! The truth about this instance, for balancers, orchestrators and people.

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
