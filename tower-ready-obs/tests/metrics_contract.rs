//! The contract of every layer, and what a request costs when its series is there.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_core::Route;
use tower_ready_obs::{Metrics, MetricsBuilder, RouteTable};
use tower_ready_testing::{
    alloc, assert_fits_every_host,
    contract::{self, bounds},
};

fn metrics() -> Metrics {
    Metrics::builder().build().unwrap()
}

#[tokio::test]
async fn a_request_is_let_through_as_it_is() {
    contract::check(|| metrics().layer()).await;
    contract::check(|| metrics().client_layer()).await;
    contract::check(|| metrics().layer().enabled(false)).await;
    contract::check(|| metrics().route_layer()).await;
}

#[test]
fn service_and_future_are_send_over_one_that_is() {
    bounds::check_auto_traits(&metrics().layer());
    bounds::check_auto_traits(&metrics().route_layer());
}

#[tokio::test]
async fn it_fits_wherever_a_host_has_a_place_for_a_layer() {
    assert_fits_every_host!(metrics().layer());
    assert_fits_every_host!(metrics().route_layer());
}

/// Calls twice and counts what the second call allocates, to the end of its answer.
fn second(builder: MetricsBuilder, prepare: impl Fn(&mut Request<()>)) -> u64 {
    let inner = service_fn(|_: Request<()>| {
        let response = Response::new(Full::new(Bytes::from_static(b"ok")));
        std::future::ready(Ok::<_, ()>(response))
    });
    let mut service = builder.build().unwrap().layer().layer(inner);
    let mut once = || {
        let mut request = Request::new(());
        prepare(&mut request);
        let (_, allocations) = alloc::counted(|| {
            let future = pin!(service.call(request));
            let polled = future.poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Ok(_))));
        });
        allocations.count
    };
    once();
    once()
}

#[test]
fn nothing_is_allocated_for_a_request_of_a_series_that_is_there() {
    assert_eq!(second(Metrics::builder(), |_| {}), 0);
    let all = || {
        let table = RouteTable::new(["/orders/{id}"]);
        Metrics::builder().routes(table).native_histograms(true).body_sizes(true)
    };
    assert_eq!(
        second(all(), |request| {
            *request.uri_mut() = "/orders/4711".parse().unwrap();
            let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            request.headers_mut().insert("traceparent", HeaderValue::from_static(value));
        }),
        0
    );
    assert_eq!(
        second(Metrics::builder(), |request| {
            request.extensions_mut().insert(Route::from_static("/orders"));
        }),
        0
    );
}
