//! The whole stack on one axum route, ours and one of the best peers that does the same work.

use std::{
    convert::Infallible,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{Router, body::Body, error_handling::HandleErrorLayer, routing::get};
use axum_prometheus::PrometheusMetricLayer;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use http_body::Body as _;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;
use tokio::runtime::Builder;
use tower::{BoxError, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, timeout::TimeoutLayer};
use tower_governor::{
    GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use tower_ready_auth::Auth;
use tower_ready_benches::{Cases, Repeat};
use tower_ready_deadline::Deadlines;
use tower_ready_obs::{Metrics, Tracing};
use tower_ready_problem::Problems;
use tower_ready_ratelimit::{Fields, Policy, Quota, RateLimiter, key};
use tower_ready_shed::Bulkhead;
use tower_ready_shutdown::Lifecycle;
use tower_service::Service;

use crate::{
    requests,
    tokens::{self, Token},
};

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
/// No request of a bench is to be refused.
const PLENTY: u64 = 1_000_000_000;

pub(crate) fn cases(cases: &mut Cases) {
    // Peers make their timers in `call`, for which tokio wants a runtime around.
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime: &'static _ = Box::leak(Box::new(runtime.expect("a runtime")));
    Box::leak(Box::new(runtime.enter()));

    let hs256 = tokens::hs256("alice");
    let es256 = tokens::es256(1).remove(0);
    cases
        .over("HS256", "a route of axum", call(&hs256, bare()))
        .ours("ours, without fields", call(&hs256, ours(bare(), &hs256, Fields::None)))
        .ours("ours", call(&hs256, ours(bare(), &hs256, Fields::Draft11)))
        .peer("peers", call(&hs256, peers(bare())));
    cases
        .over("a token seen before", "a route of axum", call(&es256, bare()))
        .ours("ours, without fields", call(&es256, ours(bare(), &es256, Fields::None)));
}

fn bare() -> Router {
    Router::new().route("/orders/{id}", get(|| async { "ok" }))
}

/// What the example servers have, in one call of `layer`.
fn ours(router: Router, token: &Token, fields: Fields) -> Router {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let metrics = Metrics::builder().build().unwrap();
    let tracing = Tracing::builder().build().unwrap();
    let problems = Problems::builder().build().unwrap();
    let deadlines = Deadlines::builder().timeout(Duration::from_secs(3_600)).build().unwrap();
    let slots = Bulkhead::builder().limit(512).build().unwrap();
    let limit = |name, key: HeaderName| {
        let quota = Quota::per_second(PLENTY);
        let policy = Policy::new(name, quota).key(key::header(key));
        RateLimiter::builder().policy(policy).fields(fields).build().unwrap()
    };
    let auth = Auth::builder()
        .jwt(tokens::verifier(token))
        .source(|_| Some(IpAddr::V4(Ipv4Addr::LOCALHOST)))
        .build()
        .unwrap();
    router.layer(
        ServiceBuilder::new()
            .layer(lifecycle.layer())
            .layer(tracing.layer())
            .layer(metrics.layer())
            .layer(problems.layer())
            .layer(deadlines.layer())
            .layer(slots.layer())
            .layer(limit("address", FORWARDED).layer())
            .layer(auth.layer())
            .layer(limit("principal", AUTHORIZATION).layer()),
    )
}

fn peers(router: Router) -> Router {
    let id = HeaderName::from_static("x-request-id");
    // Its recorder is global, and the cases of metrics have set it up.
    let metrics = PrometheusMetricLayer::new();
    let mut governor = GovernorConfigBuilder::default().key_extractor(ByHeader);
    governor.per_nanosecond(1).burst_size(u32::MAX);
    let governor = governor.finish().expect("a valid configuration");
    router.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
            .layer(PropagateRequestIdLayer::new(id))
            .layer(TraceLayer::new_for_http())
            .layer(metrics)
            .layer(CatchPanicLayer::new())
            .layer(HandleErrorLayer::new(|_: BoxError| async { StatusCode::SERVICE_UNAVAILABLE }))
            .layer(TimeoutLayer::new(Duration::from_secs(3_600)))
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::new(512))
            .layer(GovernorLayer::new(governor))
            .layer(axum::middleware::from_fn(check_token)),
    )
}

/// A limit by a header, as ours is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ByHeader;

impl KeyExtractor for ByHeader {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let value = request.headers().get(FORWARDED).and_then(|value| value.to_str().ok());
        value.map(str::to_owned).ok_or(GovernorError::UnableToExtractKey)
    }
}

/// A check of a token as guides show it, with its key and rules made once.
async fn check_token(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Result<axum::response::Response, StatusCode> {
    use std::sync::LazyLock;

    static RULES: LazyLock<(DecodingKey, Validation)> = LazyLock::new(|| {
        let mut rules = Validation::new(jsonwebtoken::Algorithm::HS256);
        rules.set_issuer(&["https://issuer.example"]);
        rules.set_audience(&["orders"]);
        (DecodingKey::from_secret(&tokens::SECRET), rules)
    });
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    let claims = jsonwebtoken::decode::<Value>(token, &RULES.0, &RULES.1)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    black_box(claims);
    Ok(next.run(request).await)
}

fn call(token: &Token, mut router: Router) -> Repeat {
    let mut request = requests::with_ids(requests::get());
    let bearer =
        HeaderValue::from_maybe_shared(bytes::Bytes::from(format!("Bearer {}", token.text)));
    request.headers_mut().insert(AUTHORIZATION, bearer.expect("a token is a value"));
    Repeat::of(move || {
        let context = &mut Context::from_waker(Waker::noop());
        let request = black_box(request.clone()).map(|()| Body::empty());
        let answer = pin!(router.call(request)).poll(context);
        let Poll::Ready(Ok::<Response<_>, Infallible>(response)) = answer else {
            panic!("the service has no answer");
        };
        assert_eq!(response.status(), 200);
        let (parts, body) = response.into_parts();
        black_box(&parts);
        let mut body = pin!(body);
        while !body.is_end_stream() {
            match body.as_mut().poll_frame(context) {
                Poll::Ready(Some(frame)) => drop(black_box(frame)),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("the body waits"),
            }
        }
    })
}
