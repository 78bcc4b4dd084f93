//! Services whose answers are not HTTP.

mod support;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use support::{breaker, builder, half_open};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_breaker::{BreakerError, CallLayer, State};

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_let_through_is_a_typed_error_and_is_not_made() {
    let breaker = builder().consecutive_failures(2).build().unwrap();
    let mut calls = 0;
    let mut service = CallLayer::new(breaker.clone()).layer(service_fn(|_: ()| {
        calls += 1;
        std::future::ready(Err::<(), _>("down"))
    }));
    for _ in 0..2 {
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert_eq!(error.into_inner(), Some("down"));
    }
    for _ in 0..10 {
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert!(matches!(error, BreakerError::Rejected(_)));
    }
    drop(service);
    assert_eq!(calls, 2);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn given_up_or_panicked_it_counts_as_any_call_does() {
    let breaker = breaker();
    let hang = service_fn(|_: ()| std::future::pending::<Result<(), ()>>());
    let mut service = CallLayer::new(breaker.clone()).layer(hang);
    for _ in 0..5 {
        let call = service.ready().await.unwrap().call(());
        assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
    }
    assert_eq!(breaker.snapshot().window.failures, 5);

    let panics = service_fn(|_: ()| async {
        if true {
            panic!("on purpose");
        }
        Ok::<_, ()>(())
    });
    let mut service = CallLayer::new(breaker.clone()).layer(panics);
    let call = service.ready().await.unwrap().call(());
    // Caught further out, with the future still there: the failure was told at once.
    let mut call = Box::pin(AssertUnwindSafe(call).catch_unwind());
    assert!((&mut call).await.is_err());
    assert_eq!(breaker.snapshot().window.failures, 6);

    breaker.reset();
    half_open(&breaker).await;
    drop(service.ready().await.unwrap().call(()));
    assert!(breaker.try_acquire().unwrap().is_probe(), "its slot is back");
}
