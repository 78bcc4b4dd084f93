use std::{sync::LazyLock, time::Duration};

use axum::{Router, body::Body, error_handling::HandleErrorLayer};
use axum_prometheus::{
    PrometheusMetricLayer, metrics_exporter_prometheus::PrometheusHandle as Handle,
};
use futures_util::FutureExt as _;
use governor::middleware::NoOpMiddleware;
use http::{HeaderName, Request, StatusCode};
use serde_json::{Value, json};
use tower::{BoxError, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, timeout::TimeoutLayer};
use tower_governor::{
    GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use tower_oauth2_resource_server::{
    claims::DefaultClaims as Claims, layer::OAuth2ResourceServerLayer,
    server::OAuth2ResourceServer, tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

use super::{
    FORWARDED,
    tokens::{self, Token},
};

/// A router behind them. Some work within axum alone.
pub(crate) fn peers(router: Router, token: &Token) -> Router {
    let id = HeaderName::from_static("x-request-id");
    let breaker = CircuitBreakerLayer::builder().sliding_window_size(100).build();
    router.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
            .layer(PropagateRequestIdLayer::new(id))
            .layer(TraceLayer::new_for_http())
            .layer(prometheus())
            .layer(CatchPanicLayer::new())
            .layer(HandleErrorLayer::new(|_: BoxError| async { StatusCode::SERVICE_UNAVAILABLE }))
            .layer(TimeoutLayer::new(Duration::from_secs(3_600)))
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::new(512))
            .layer(limit(ByAddress))
            .layer(tokens_with(&token.jwk))
            .layer(limit(ByPrincipal))
            .layer(breaker.expect("a valid configuration")),
    )
}

/// Its recorder is one for the whole process, without which nothing would be recorded.
pub(crate) fn prometheus() -> PrometheusMetricLayer<'static> {
    static RECORDER: LazyLock<Handle> = LazyLock::new(|| PrometheusMetricLayer::pair().1);

    LazyLock::force(&RECORDER);
    PrometheusMetricLayer::new()
}

/// Nobody is refused.
fn limit<K>(key: K) -> GovernorLayer<K, NoOpMiddleware, Body>
where
    K: KeyExtractor,
{
    let mut governor = GovernorConfigBuilder::default().key_extractor(key);
    governor.per_nanosecond(1).burst_size(u32::MAX);
    GovernorLayer::new(governor.finish().expect("a valid configuration"))
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ByAddress;

impl KeyExtractor for ByAddress {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let value = request.headers().get(FORWARDED).and_then(|value| value.to_str().ok());
        value.map(str::to_owned).ok_or(GovernorError::UnableToExtractKey)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ByPrincipal;

impl KeyExtractor for ByPrincipal {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let claims = request.extensions().get::<Claims>();
        claims.and_then(|claims| claims.sub.clone()).ok_or(GovernorError::UnableToExtractKey)
    }
}

/// A check of tokens with this key.
pub(crate) fn tokens_with<B>(jwk: &Value) -> OAuth2ResourceServerLayer<B, Claims>
where
    B: Default,
{
    let algorithm = jwk["alg"].as_str().and_then(|name| name.parse().ok());
    let rules = ClaimsValidationSpec::new().exp(true).iss(tokens::ISSUER);
    let keys = json!({ "keys": [jwk] });
    let issuer = TenantConfiguration::static_builder(keys.to_string())
        .allowed_algorithms(&[algorithm.expect("the name of an algorithm")])
        .claims_validation(rules.aud(&vec![tokens::AUDIENCE.to_owned()]));
    let issuer = issuer.build().expect("a valid set of keys");
    let server = OAuth2ResourceServer::<Claims>::builder().add_tenant(issuer).build();
    // It waits for keys that it fetches, and has these.
    let server = server.now_or_never().expect("no need to wait").expect("a valid configuration");
    server.into_layer()
}
