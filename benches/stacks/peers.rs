use std::{hint::black_box, sync::LazyLock, time::Duration};

use axum::{Router, error_handling::HandleErrorLayer, middleware};
use axum_prometheus::{
    PrometheusMetricLayer, metrics_exporter_prometheus::PrometheusHandle as Handle,
};
use http::{HeaderName, Request, StatusCode, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use tower::{BoxError, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, timeout::TimeoutLayer};
use tower_governor::{
    GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};

use super::{FORWARDED, tokens};

/// A router behind them. Some work within axum alone.
pub(crate) fn peers(router: Router) -> Router {
    let id = HeaderName::from_static("x-request-id");
    let mut governor = GovernorConfigBuilder::default().key_extractor(ByHeader);
    governor.per_nanosecond(1).burst_size(u32::MAX);
    let governor = governor.finish().expect("a valid configuration");
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
            .layer(GovernorLayer::new(governor))
            .layer(middleware::from_fn(check_token)),
    )
}

/// Its recorder is one for the whole process, without which nothing would be recorded.
pub(crate) fn prometheus() -> PrometheusMetricLayer<'static> {
    static RECORDER: LazyLock<Handle> = LazyLock::new(|| PrometheusMetricLayer::pair().1);

    LazyLock::force(&RECORDER);
    PrometheusMetricLayer::new()
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
    next: middleware::Next,
) -> Result<axum::response::Response, StatusCode> {
    static RULES: LazyLock<(DecodingKey, Validation)> = LazyLock::new(|| {
        let mut rules = Validation::new(Algorithm::HS256);
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
