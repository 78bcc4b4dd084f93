//! The layers, assembled once, for every host.
//!
//! This is the file to copy. Each policy is made here and lives as long as the service; a layer is
//! a handle of its policy, so it does not matter how often a host applies it: axum does so for each
//! connection, and all of them count as one.

mod auth;
mod limits;

use std::time::Duration;

use tower_http::limit::RequestBodyLimitLayer;
use tower_ready_auth::{Auth, AuthLayer};
use tower_ready_deadline::{DeadlineLayer, Deadlines};
use tower_ready_problem::{DrainLayer, ProblemLayer, Problems};
use tower_ready_ratelimit::{RateLimitLayer, RateLimiter};
use tower_ready_shed::{Bulkhead, ShedLayer};

pub(crate) use self::auth::DevCredentials;
use crate::{
    flags::{Refusal, StackFlags},
    observe::ObserveLayer,
};

const MIB: usize = 1024 * 1024;

/// What lasts as long as its caller wants: an upload, which has no answer before its end, and streams
/// over gRPC, whose status comes last. A deadline that such a caller names holds all the same. Over
/// HTTP an answer is in time when its head is, so events and WebSockets are named for the reader.
const LASTING: [&str; 7] = [
    "/echo",
    "/events",
    "/ws",
    "/orders.v1.Orders/Watch",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The policies of all layers.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    problems: Problems,
    deadlines: Deadlines,
    slots: Bulkhead,
    by_address: RateLimiter,
    auth: Auth,
    by_principal: RateLimiter,
}

/// The layers of every host, the outermost first.
pub(crate) type Layers = (
    DrainLayer,
    ObserveLayer,
    ProblemLayer,
    DeadlineLayer,
    ShedLayer,
    RateLimitLayer,
    AuthLayer,
    RateLimitLayer,
);

/// The layers of an HTTP service: gRPC has a limit of its own for each message.
pub(crate) type HttpLayers = (Layers, RequestBodyLimitLayer);

impl Stack {
    /// Makes every policy, and checks what it was told. What it was not told about callers, it makes
    /// up, and hands out.
    pub(crate) fn new(flags: &StackFlags) -> Result<(Self, DevCredentials), Refusal> {
        let problems = Problems::builder()
            .domain("orders.example")
            // Their pages too, to which the `type` of a problem leads.
            .types(tower_ready_auth::types::ALL)
            .types([&tower_ready_breaker::CIRCUIT_OPEN])
            .build()
            .map_err(|error| Refusal::new("problems", error))?;

        let deadlines = Deadlines::builder()
            .timeout(flags.timeout)
            .exempt(|head| LASTING.contains(&head.uri().path()))
            .build()
            .map_err(|error| Refusal::new("--timeout", error))?;

        let slots = Bulkhead::builder()
            .limit(flags.max_in_flight)
            // Whoever asks for our health shall hear of it when we are busy, too.
            .exempt(|head| head.uri().path().starts_with("/grpc.health.v1.Health/"))
            .build()
            .map_err(|error| Refusal::new("--max-in-flight", error))?;

        let client = limits::client(&flags.limits);
        let by_address = limits::by_address(flags.limits.ip_quota, client.clone())?;
        let by_principal = limits::by_principal(flags.limits.quota)?;
        let (auth, dev) = auth::auth(&flags.auth, client)?;
        Ok((Self { problems, deadlines, slots, by_address, auth, by_principal }, dev))
    }

    /// The layers of every host, the outermost first, and why each lies where it does.
    pub(crate) fn layers(&self) -> Layers {
        (
            // Outside of all that may answer before it has read an upload. A client that is still
            // sending would lose such an answer with its connection.
            DrainLayer::new().bytes(16 * MIB as u64).time(Duration::from_secs(2)),
            // One id for all that follows, and a line for every answer as the caller gets it.
            ObserveLayer,
            // Below the id, which it writes into every problem; above all that may fail or refuse.
            self.problems.layer(),
            // Outside of all that may wait or work, so that its time counts.
            self.deadlines.layer(),
            // Below the deadline, since whoever is turned away has waited for nothing; above all that
            // costs.
            self.slots.layer(),
            // Before authentication, which costs more than counting.
            self.by_address.layer(),
            // Says who calls. What a route asks of its callers is said at the route.
            self.auth.layer(),
            // Inside of it, since it counts by who calls, whichever address that comes from.
            self.by_principal.layer(),
        )
    }

    /// The layers of an HTTP service.
    pub(crate) fn http_layers(&self) -> HttpLayers {
        // Right outside of the handlers: only they read bodies.
        (self.layers(), RequestBodyLimitLayer::new(MIB))
    }

    /// How this service speaks of its problems.
    pub(crate) const fn problems(&self) -> &Problems {
        &self.problems
    }
}
