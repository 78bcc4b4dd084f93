//! Layers that are right: nothing, and what others have long used.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tower::{
    ServiceBuilder, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer, timeout::TimeoutLayer,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    trace::TraceLayer,
};
use tower_layer::Identity;
use tower_ready_testing::contract::{self, Contract, bounds};

#[tokio::test]
async fn no_layer_at_all() {
    contract::check(Identity::new).await;
    bounds::check(&Identity::new());
}

#[tokio::test]
async fn tower_http_request_ids() {
    contract::check(|| SetRequestIdLayer::x_request_id(MakeRequestUuid)).await;
    contract::check(PropagateRequestIdLayer::x_request_id).await;
    bounds::check(&PropagateRequestIdLayer::x_request_id());
}

#[tokio::test]
async fn tower_http_headers() {
    let name = HeaderName::from_static("x-set");
    let value = HeaderValue::from_static("yes");
    let layer = SetResponseHeaderLayer::overriding(name, value);
    contract::check(|| layer.clone()).await;
    bounds::check(&layer);
}

#[tokio::test]
async fn tower_http_traces() {
    contract::check(TraceLayer::new_for_http).await;
    contract::check(TraceLayer::new_for_grpc).await;
}

#[tokio::test]
async fn tower_http_catches_panics() {
    contract::check(CatchPanicLayer::new).await;
}

#[tokio::test]
async fn tower_timeouts() {
    contract::check(|| TimeoutLayer::new(Duration::from_secs(60))).await;
}

#[tokio::test]
async fn tower_concurrency_limits() {
    contract::check(|| ConcurrencyLimitLayer::new(20)).await;
}

#[tokio::test]
async fn tower_load_shedding() {
    // It answers readiness by itself, and a service that is not ready by an error of its own.
    let violations = Contract::new().always_ready().violations(LoadShedLayer::new).await;
    assert_eq!(violations, []);
}

#[tokio::test]
async fn a_stack_of_them() {
    contract::check(|| {
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(TraceLayer::new_for_http())
            .layer(ConcurrencyLimitLayer::new(20))
            .layer(PropagateRequestIdLayer::x_request_id())
    })
    .await;
}
