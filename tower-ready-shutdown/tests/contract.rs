//! The contract of every layer, and what this one costs.

use std::{
    future::pending,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_core::Route;
use tower_ready_shutdown::{ConfigErrorKind, Lifecycle, Phase, ShutdownLayer, Timings};
use tower_ready_testing::{
    alloc,
    contract::{self, Contract},
};

fn lifecycle() -> Lifecycle {
    Lifecycle::builder().build().unwrap()
}

/// One at whose end nobody is accepted any more.
async fn closing() -> Lifecycle {
    let day = Duration::from_secs(60 * 60);
    let lifecycle = Lifecycle::builder().timings(Timings::new(day, day)).build().unwrap();
    let conducted = lifecycle.clone();
    tokio::spawn(async move { conducted.run(pending::<()>()).await });
    lifecycle.close();
    lifecycle.phases().until(|phase| phase == Phase::Closing).await;
    lifecycle
}

#[tokio::test]
async fn a_request_is_let_through_as_it_is() {
    contract::check(|| lifecycle().layer()).await;
    contract::check(|| lifecycle().layer().exempt(|_| true)).await;
    contract::check(|| lifecycle().layer().describe(|_| Route::from_static("/")).extension(true))
        .await;
}

#[tokio::test]
async fn a_request_that_is_turned_away_leaves_the_inner_service_alone() {
    let lifecycle = closing().await;
    Contract::new().check_rejection(|| lifecycle.layer().reject_when_closing(true)).await;
}

#[test]
fn service_and_future_are_send_over_one_that_is() {
    contract::bounds::check_auto_traits(&lifecycle().layer());
}

/// Calls once, with an answer at the first poll.
fn call(layer: &ShutdownLayer) -> alloc::Allocations {
    let inner = service_fn(|_: Request<()>| {
        let response = Response::new(Full::new(Bytes::from_static(b"ok")));
        std::future::ready(Ok::<_, ()>(response))
    });
    let mut service = layer.layer(inner);
    let mut once = || {
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_11;
        let (_, allocations) = alloc::counted(|| {
            let mut future = pin!(service.call(request));
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(Ok(response)) = polled else {
                panic!("it waits");
            };
            response
        });
        allocations
    };
    once();
    once()
}

#[test]
fn nothing_is_allocated_while_the_process_is_ready() {
    let lifecycle = lifecycle();
    lifecycle.ready();
    assert_eq!(lifecycle.phase(), Phase::Ready);
    assert_eq!(call(&lifecycle.layer()).count, 0);
    assert_eq!(call(&lifecycle.layer().exempt(|head| head.uri().path() == "/livez")).count, 0);
}

#[test]
fn a_description_costs_little() {
    let described = call(&lifecycle().layer().describe(|_| Route::from_static("/orders")));
    assert!(described.count <= 2, "{described:?}");
}

#[test]
fn timings_that_cannot_work_are_refused() {
    let secs = Duration::from_secs;
    let cases = [
        (Timings::kubernetes().drain(secs(30)), ConfigErrorKind::Grace, "raise"),
        (Timings::new(secs(1), Duration::MAX), ConfigErrorKind::Total, "use seconds"),
        (Timings::terminal().rush(Duration::ZERO), ConfigErrorKind::Rush, "use some 2 s"),
    ];
    for (timings, kind, fix) in cases {
        let error = Lifecycle::builder().timings(timings).build().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(fix), "{error}");
    }
}
