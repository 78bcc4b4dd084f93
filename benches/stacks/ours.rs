use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use tower::ServiceBuilder;
use tower_layer::{Identity, Stack};
use tower_ready_auth::{Auth, AuthLayer, Principal};
use tower_ready_breaker::{Breaker, BreakerLayer};
use tower_ready_deadline::{DeadlineLayer, Deadlines};
use tower_ready_obs::{Metrics, MetricsLayer, TraceLayer, Tracing};
use tower_ready_problem::{ProblemLayer, Problems};
use tower_ready_ratelimit::{
    Fields, Policy, Quota, RateLimitLayer, RateLimiter,
    key::{self, Key},
};
use tower_ready_shed::{Bulkhead, ShedLayer};
use tower_ready_shutdown::{Lifecycle, ShutdownLayer};

use super::{
    FORWARDED,
    tokens::{self, Token},
};

/// No request of a bench is to be refused.
const PLENTY: u64 = 1_000_000_000;

/// The innermost first.
pub(crate) type Ours = ServiceBuilder<
    Stack<BreakerLayer, Stack<RateLimitLayer, Stack<AuthLayer, Stack<RateLimitLayer, Inward>>>>,
>;
type Inward = Stack<ShedLayer, Outer>;
type Outer = Stack<DeadlineLayer, Stack<ProblemLayer, Stack<MetricsLayer, Outermost>>>;
type Outermost = Stack<TraceLayer, Stack<ShutdownLayer, Identity>>;

/// What the example servers have, and a breaker, which there guards what the service calls.
pub(crate) fn ours(token: &Token, fields: Fields) -> Ours {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let metrics = Metrics::builder().build().unwrap();
    let tracing = Tracing::builder().build().unwrap();
    let problems = Problems::builder().build().unwrap();
    let deadlines = Deadlines::builder().timeout(Duration::from_secs(3_600)).build().unwrap();
    let slots = Bulkhead::builder().limit(512).build().unwrap();
    let address = limits("address", key::header(FORWARDED), fields);
    let principal = limits("principal", key::extension(Principal::subject), fields);
    let auth = Auth::builder()
        .jwt(tokens::verifier(token))
        .source(|_| Some(IpAddr::V4(Ipv4Addr::LOCALHOST)))
        .build()
        .unwrap();
    let breaker = Breaker::builder("orders").build().unwrap();
    ServiceBuilder::new()
        .layer(lifecycle.layer())
        .layer(tracing.layer())
        .layer(metrics.layer())
        .layer(problems.layer())
        .layer(deadlines.layer())
        .layer(slots.layer())
        .layer(address)
        .layer(auth.layer())
        .layer(principal)
        .layer(breaker.layer())
}

fn limits(name: &'static str, key: impl Key, fields: Fields) -> RateLimitLayer {
    let policy = Policy::new(name, Quota::per_second(PLENTY)).key(key);
    RateLimiter::builder().policy(policy).fields(fields).build().unwrap().layer()
}
