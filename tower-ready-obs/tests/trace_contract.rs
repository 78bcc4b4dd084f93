//! The contract of every layer, and what these cost.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_obs::{ClientTracing, Edge, Spans, Tracing, TracingBuilder};
use tower_ready_testing::{
    alloc, assert_fits_every_host,
    contract::{self, bounds},
    logs,
};

fn trusted() -> TracingBuilder {
    Tracing::builder().edge(Edge::Trusted)
}

fn client() -> ClientTracing {
    ClientTracing::builder().build().unwrap()
}

#[tokio::test]
async fn a_request_is_let_through_as_it_is() {
    contract::check(|| Tracing::builder().build().unwrap().layer()).await;
    contract::check(|| client().layer()).await;
}

#[tokio::test]
async fn so_it_is_when_somebody_listens() {
    let _logs = logs::capture();
    contract::check(|| trusted().build().unwrap().layer()).await;
    contract::check(|| trusted().spans(Spans::None).build().unwrap().layer()).await;
    contract::check(|| trusted().build().unwrap().layer().enabled(false)).await;
    contract::check(|| client().layer()).await;
}

#[test]
fn service_and_future_are_send_over_one_that_is() {
    bounds::check_auto_traits(&Tracing::builder().build().unwrap().layer());
    bounds::check_auto_traits(&client().layer());
}

#[tokio::test]
async fn both_fit_every_place_of_every_host() {
    assert_fits_every_host!(Tracing::builder().build().unwrap().layer());
    assert_fits_every_host!(client().layer());
}

/// Calls once, with headers that have room for ours in the request and in the answer.
fn call<L>(layer: &L, headers: &[(&'static str, &'static str)]) -> u64
where
    L: Layer<tower::util::BoxCloneSyncService<Request<()>, Response<Full<Bytes>>, ()>>,
    L::Service: Service<Request<()>>,
{
    let inner = service_fn(|_: Request<()>| {
        let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
        std::future::ready(Ok::<_, ()>(response))
    });
    let mut service = layer.layer(tower::util::BoxCloneSyncService::new(inner));
    let mut once = || {
        let mut request = Request::new(());
        request.headers_mut().reserve(8);
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let (_, allocations) = alloc::counted(|| {
            let mut future = pin!(service.call(request));
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(Ok(response)) = polled else {
                panic!("it waits");
            };
            response
        });
        allocations.count
    };
    once();
    once()
}

/// Without spans and lines, which cost what the subscriber makes of them.
#[test]
fn ids_cost_one_allocation_whoever_made_them() {
    let _listener = logs::capture();
    let bare = call(&tower::layer::util::Identity::new(), &[]);
    let quiet = |tracing: TracingBuilder| tracing.spans(Spans::None).no_access_log();
    let ids = quiet(Tracing::builder()).build().unwrap();
    assert_eq!(call(&ids.layer(), &[]) - bare, 1, "both ids in one piece");

    let theirs = [
        ("x-request-id", "mine"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let tracing = quiet(trusted()).build().unwrap();
    assert_eq!(call(&tracing.layer(), &theirs) - bare, 1, "our place in the trace");
    assert_eq!(call(&tracing.layer().enabled(false), &theirs) - bare, 0);
}
