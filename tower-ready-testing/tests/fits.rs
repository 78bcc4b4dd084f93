//! Layers that fit every host are seen to fit, so that a failure is the layer's.

use std::{
    panic::AssertUnwindSafe,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Request};
use tower_http::{
    catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer, trace::TraceLayer,
};
use tower_layer::Layer;
use tower_ready_testing::{Call, assert_fits_every_host};
use tower_service::Service;

#[tokio::test]
async fn a_layer_that_changes_headers_fits() {
    let name = HeaderName::from_static("x-set");
    let value = HeaderValue::from_static("yes");
    assert_fits_every_host!(SetResponseHeaderLayer::overriding(name, value));
}

#[tokio::test]
async fn a_layer_that_changes_the_body_fits() {
    assert_fits_every_host!(TraceLayer::new_for_http());
    assert_fits_every_host!(CatchPanicLayer::new());
}

#[tokio::test]
async fn calls_can_be_made_to_pass() {
    assert_fits_every_host!(NeedyLayer, |call: Call| call.header("x-user", "me"));
}

#[tokio::test]
async fn a_layer_that_disturbs_calls_is_found() {
    let run = async { assert_fits_every_host!(NeedyLayer) };
    assert!(AssertUnwindSafe(run).catch_unwind().await.is_err());
}

/// Breaks every call that has no user.
#[derive(Clone, Debug)]
struct NeedyLayer;

#[derive(Clone, Debug)]
struct Needy<S>(S);

impl<S> Layer<S> for NeedyLayer {
    type Service = Needy<S>;

    fn layer(&self, inner: S) -> Needy<S> {
        Needy(inner)
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Needy<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        assert!(request.headers().contains_key("x-user"), "nobody");
        self.0.call(request)
    }
}
