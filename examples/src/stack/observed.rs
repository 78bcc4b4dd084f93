//! What is to be seen of an instance from outside.

use std::{fmt::Display, time::Duration};

use tower_ready_obs::{GrpcMethods, Metrics, OpenTelemetry, RouteTable, Streams};
use tower_ready_ratelimit::OnStoreError;
use tower_ready_shutdown::{
    Lifecycle,
    health::{Check, Health},
};

use crate::{
    flags::{LimitFlags, Refusal},
    http::ROUTES,
    proto::DESCRIPTORS,
};

/// How this instance is: what it depends on, and where its life stands.
pub(super) fn health(lifecycle: &Lifecycle, flags: &LimitFlags) -> Result<Health, Refusal> {
    let mut health = Health::builder().lifecycle(lifecycle).grpc_service("orders.v1.Orders");
    if let Some(url) = &flags.redis {
        let check = Check::redis("redis", url).every(Duration::from_secs(1));
        // Limits go on without it, unless they were told to refuse then.
        health = health.check(match flags.on_store_error {
            OnStoreError::Deny => check.required(),
            _ => check.degrading(),
        });
    }
    health.build().map_err(|error| Refusal::new("--redis", error))
}

/// What is counted of requests and calls.
pub(super) fn metrics(recorder: Option<OpenTelemetry>) -> Result<Metrics, Refusal> {
    let refuse = |error: &dyn Display| Refusal::new("metrics", error);
    let methods = GrpcMethods::from_descriptor_set(DESCRIPTORS).map_err(|error| refuse(&error))?;
    let metrics = Metrics::builder()
        .routes(RouteTable::new(ROUTES))
        .grpc(methods)
        // A percentile of all requests is asked for, so streams are counted among them as well.
        .streams(Streams::Both);
    let metrics = match recorder {
        Some(recorder) => metrics.recorder(recorder),
        None => metrics,
    };
    metrics.build().map_err(|error| refuse(&error))
}
