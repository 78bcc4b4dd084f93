//! The layers, assembled once, for every host.
//!
//! This is the file to copy. Each policy is made here and lives as long as the service; a layer is
//! a handle of its policy, so it does not matter how often a host applies it: axum does so for each
//! connection, and all of them count as one.

mod auth;
mod browsers;
mod buckets;
mod limits;
mod observed;

use std::time::Duration;

use tower_http::limit::RequestBodyLimitLayer;
use tower_ready_auth::{Auth, AuthLayer};
use tower_ready_core::Route;
use tower_ready_deadline::{DeadlineLayer, Deadlines, UploadLayer};
use tower_ready_obs::{
    Edge, Events, Metrics, MetricsLayer, OpenTelemetry, RouteTable, TraceLayer, Tracing,
};
use tower_ready_problem::{DrainLayer, ProblemLayer, Problems};
use tower_ready_ratelimit::{RateLimitLayer, RateLimiter};
use tower_ready_shed::{Bulkhead, ShedLayer};
use tower_ready_shutdown::{
    Lifecycle, ShutdownLayer,
    health::{Detail, Health, HealthLayer},
};

pub(crate) use self::auth::DevCredentials;
use self::{
    browsers::{Cors, SecurityHeaders},
    buckets::{Buckets, Shared},
};
use crate::{
    access,
    flags::{Refusal, StackFlags},
    host::ScrapeLayer,
    http::ROUTES,
};

const MIB: usize = 1024 * 1024;

/// How long an upload may be silent.
const UPLOAD_IDLE: Duration = Duration::from_secs(10);

/// What lasts as long as its caller wants: an upload, which has no answer before its end, and streams
/// over gRPC, whose status comes last. A deadline that such a caller names holds all the same. Over
/// HTTP an answer is in time when its head is, so events and WebSockets are named for the reader.
const LASTING: [&str; 6] = [
    "/echo",
    "/events",
    "/ws",
    "/orders.v1.Orders/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The policies of all layers.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    edge: Edge,
    cors: Cors,
    health: Health,
    lifecycle: Lifecycle,
    routes: RouteTable,
    tracing: Tracing,
    metrics: Metrics,
    events: Events,
    is_scraped_here: bool,
    problems: Problems,
    deadlines: Deadlines,
    slots: Bulkhead,
    by_address: RateLimiter<Buckets>,
    auth: Auth,
    by_principal: RateLimiter<Buckets>,
}

/// The layers of every host, the outermost first.
pub(crate) type Layers = (
    HealthLayer,
    ShutdownLayer,
    DrainLayer,
    TraceLayer,
    MetricsLayer,
    ProblemLayer,
    DeadlineLayer,
    ShedLayer,
    RateLimitLayer<Buckets>,
    AuthLayer,
    RateLimitLayer<Buckets>,
);

/// The layers of an HTTP service: no browser speaks gRPC, which has a limit of its own for each
/// message.
pub(crate) type HttpLayers =
    (SecurityHeaders, ScrapeLayer, Cors, Layers, UploadLayer, RequestBodyLimitLayer);

impl Stack {
    /// Makes every policy, and checks what it was told. What it was not told about callers, it makes
    /// up, and hands out.
    pub(crate) async fn new(
        flags: &StackFlags,
        lifecycle: &Lifecycle,
        recorder: Option<OpenTelemetry>,
    ) -> Result<(Self, DevCredentials), Refusal> {
        let limits = &flags.limits;
        let health = observed::health(lifecycle, limits)?;

        // Who is cut at the end is told by these names, and callers cannot make up more of them.
        let routes = RouteTable::new(ROUTES.into_iter().chain(access::methods_by_path()));
        let tracing = Tracing::builder()
            .edge(flags.edge)
            .route({
                let routes = routes.clone();
                move |head| routes.find(head.uri().path()).cloned()
            })
            .build()
            .map_err(|error| Refusal::new("--edge", error))?;
        let metrics = observed::metrics(recorder)?;
        // What the other layers tell of their work is counted too.
        let events = metrics.events();

        let problems = Problems::builder()
            .domain("orders.example")
            // Their pages too, to which the `type` of a problem leads.
            .types(tower_ready_auth::types::ALL)
            .types([&tower_ready_breaker::CIRCUIT_OPEN, &tower_ready_deadline::UPLOAD_STALLED])
            .build()
            .map_err(|error| Refusal::new("problems", error))?;

        let deadlines = Deadlines::builder()
            .timeout(flags.timeout)
            .upload_idle(UPLOAD_IDLE)
            .exempt(|head| LASTING.contains(&head.uri().path()))
            .on_event(events.clone())
            .build()
            .map_err(|error| Refusal::new("--timeout", error))?;

        let slots = Bulkhead::builder()
            .limit(flags.max_in_flight)
            .build()
            .map_err(|error| Refusal::new("--max-in-flight", error))?;
        metrics.watch_bulkhead("requests", &slots);
        metrics.watch_lifecycle(lifecycle);

        let client = limits::client(limits);
        let shared = Shared::new(limits).await?;
        let by_address = limits::by_address(limits.ip_quota, client.clone(), &shared, &events)?;
        let by_principal = limits::by_principal(limits.quota, &shared, &events)?;
        if let Some(store) = shared.redis {
            // What this instance holds of its callers' units, others may have.
            lifecycle.on_stop("leases", async move || store.drain().await);
        }
        let (auth, dev) = auth::auth(&flags.auth, client, events.clone())?;
        let lifecycle = lifecycle.clone();
        let stack = Self {
            edge: flags.edge,
            cors: browsers::cors(&flags.cors),
            health,
            lifecycle,
            routes,
            tracing,
            metrics,
            events,
            is_scraped_here: true,
            problems,
            deadlines,
            slots,
            by_address,
            auth,
            by_principal,
        };
        Ok((stack, dev))
    }

    /// The layers of every host, the outermost first, and why each lies where it does.
    pub(crate) fn layers(&self) -> Layers {
        let routes = self.routes.clone();
        (
            // Outside of everything: a probe is neither counted nor limited nor asked for a token.
            self.health.layer().detail(Detail::Names),
            // Counts all that is work, to the ends of the bodies.
            self.lifecycle.layer().describe(move |head| {
                let route = routes.find(head.uri().path()).cloned();
                route.unwrap_or(Route::from_static("unknown"))
            }),
            // Outside of all that may answer before it has read an upload. A client that is still
            // sending would lose such an answer with its connection.
            DrainLayer::new().bytes(16 * MIB as u64).time(Duration::from_secs(2)),
            // One id and one trace for all that follows, and a line for every answer as the caller
            // got it.
            self.tracing.layer(),
            // Inside of it, so that what is counted shows a trace as its example.
            self.metrics.layer(),
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
        (
            // Outside of all that answers.
            browsers::security_headers(),
            // A scrape is no request of a user: nothing counts it.
            ScrapeLayer::new(self.is_scraped_here.then(|| self.metrics.scrape_service())),
            // Nor is a preflight. Outside of all errors: a page that may read us may read those too.
            self.cors.clone(),
            self.layers(),
            // An upload may take its time as long as it moves; one that stalls would keep its slot.
            self.deadlines.uploads(),
            // Right outside of the handlers: only they read bodies.
            RequestBodyLimitLayer::new(MIB),
        )
    }

    /// The same stack, with metrics on another socket.
    pub(crate) fn scraped_elsewhere(mut self, elsewhere: bool) -> Self {
        self.is_scraped_here = !elsewhere;
        self
    }

    /// Who calls, for what is served beside the routes.
    pub(crate) const fn auth(&self) -> &Auth {
        &self.auth
    }

    /// Whether callers are believed about ids.
    pub(crate) const fn edge(&self) -> Edge {
        self.edge
    }

    /// How this instance is.
    pub(crate) const fn health(&self) -> &Health {
        &self.health
    }

    /// What is counted.
    pub(crate) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Counts what policies tell of their work.
    pub(crate) const fn events(&self) -> &Events {
        &self.events
    }

    /// How this service speaks of its problems.
    pub(crate) const fn problems(&self) -> &Problems {
        &self.problems
    }
}
