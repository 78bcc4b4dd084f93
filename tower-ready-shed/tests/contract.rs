//! The contract of every layer, and what this one costs.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_shed::{Adaptive, Bulkhead, BulkheadBuilder, ConfigErrorKind, Priority, Queue};
use tower_ready_testing::{
    alloc,
    contract::{self, Contract},
};

fn bulkhead() -> Bulkhead {
    Bulkhead::builder().build().unwrap()
}

/// A bulkhead whose only slot is taken for good.
fn full() -> Bulkhead {
    let bulkhead = Bulkhead::builder().limit(1).build().unwrap();
    let inner =
        service_fn(|_: Request<()>| std::future::pending::<Result<Response<Full<Bytes>>, ()>>());
    let held = bulkhead.layer().layer(inner).call(Request::new(()));
    Box::leak(Box::new(held));
    bulkhead
}

#[tokio::test]
async fn a_request_that_finds_a_slot_is_let_through_as_it_is() {
    contract::check(|| bulkhead().layer()).await;
    contract::check(|| bulkhead().layer().enabled(false)).await;
    let adaptive = || Bulkhead::builder().adaptive(Adaptive::gradient().least(20)).build().unwrap();
    contract::check(|| adaptive().layer()).await;
    let queue = || Bulkhead::builder().queue(Queue::new(10, Duration::from_secs(1)));
    contract::check(|| queue().priority(|_| Priority::High).build().unwrap().layer()).await;
}

#[tokio::test]
async fn a_request_that_is_turned_away_leaves_the_inner_service_alone() {
    Contract::new().check_rejection(|| full().layer()).await;
}

#[test]
fn service_and_future_are_send_over_one_that_is() {
    contract::bounds::check_auto_traits(&bulkhead().layer());
}

/// Calls once, with an answer at the first poll.
fn call(bulkhead: &Bulkhead) -> alloc::Allocations {
    let inner = service_fn(|_: Request<()>| {
        let response = Response::new(Full::new(Bytes::from_static(b"ok")));
        std::future::ready(Ok::<_, ()>(response))
    });
    let mut service = bulkhead.layer().layer(inner);
    let mut once = || {
        let request = Request::new(());
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
fn nothing_is_allocated_for_a_request_that_finds_a_slot() {
    let all = Bulkhead::builder()
        .queue(Queue::new(10, Duration::from_secs(1)))
        .priority(|_| Priority::Normal)
        .exempt(|head| head.uri().path() == "/livez");
    let adaptive = Bulkhead::builder().adaptive(Adaptive::gradient());
    for bulkhead in [bulkhead(), all.build().unwrap(), adaptive.build().unwrap()] {
        assert_eq!(call(&bulkhead).count, 0);
    }
}

#[test]
fn a_refusal_allocates_little() {
    let refused = call(&full());
    assert!(refused.count <= 10, "{refused:?}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let build = Bulkhead::builder;
    let queue = |length, millis| build().queue(Queue::new(length, Duration::from_millis(millis)));
    let shares = |low, normal| build().priority(|_| Priority::Low).shares(low, normal);
    let day = Duration::from_secs(24 * 60 * 60);
    let adaptive = |adaptive| build().adaptive(adaptive);
    let gradient = Adaptive::gradient;
    let never = Duration::ZERO;
    let cases: [(BulkheadBuilder, _, _); 16] = [
        (adaptive(gradient().least(0)), ConfigErrorKind::Limits, "adaptive"),
        (adaptive(gradient().least(30)), ConfigErrorKind::Limits, "adaptive"),
        (adaptive(gradient().most(usize::MAX)), ConfigErrorKind::Limits, "adaptive"),
        (adaptive(gradient().tolerance(0.9)), ConfigErrorKind::Tolerance, "adaptive"),
        (adaptive(Adaptive::aimd(never)), ConfigErrorKind::Tolerance, "adaptive"),
        (adaptive(gradient().interval(never)), ConfigErrorKind::Interval, "adaptive"),
        (adaptive(gradient().probe_every(never)), ConfigErrorKind::Interval, "adaptive"),
        (build().limit(0), ConfigErrorKind::Limit, "limit"),
        (build().limit(u32::MAX as usize), ConfigErrorKind::Limit, "limit"),
        (queue(0, 1), ConfigErrorKind::QueueLength, "queue"),
        (queue(1, 0), ConfigErrorKind::MaxWait, "queue"),
        (shares(0.0, 0.5), ConfigErrorKind::Shares, "shares"),
        (shares(0.6, 0.5), ConfigErrorKind::Shares, "shares"),
        (shares(0.5, 1.1), ConfigErrorKind::Shares, "shares"),
        (shares(f64::NAN, 1.0), ConfigErrorKind::Shares, "shares"),
        (build().retry_after(day * 2), ConfigErrorKind::RetryAfter, "retry_after"),
    ];
    for (builder, kind, setting) in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), kind);
        let text = error.to_string();
        assert!(text.starts_with(setting) && text.contains(": use "), "{text}");
    }
}
