//! What it means that a call is given up.

mod support;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use support::{advance, breaker, builder};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_ready_breaker::{Breaker, State};
use tower_ready_core::{Deadline, Instant};

const BRIEF: Duration = Duration::from_millis(10);

type Answer = Result<Response<Empty<Bytes>>, Infallible>;

async fn hang(_: Request<()>) -> Answer {
    std::future::pending().await
}

/// Gives a call up after this time.
async fn give_up(breaker: &Breaker, after: Duration, request: Request<()>) {
    let mut service = breaker.layer().layer_over(service_fn(hang));
    let call = service.ready().await.unwrap().call(request);
    assert!(tokio::time::timeout(after, call).await.is_err());
}

trait LayerOver {
    fn layer_over<S>(&self, inner: S) -> tower_ready_breaker::BreakerService<S>;
}

impl LayerOver for tower_ready_breaker::BreakerLayer {
    fn layer_over<S>(&self, inner: S) -> tower_ready_breaker::BreakerService<S> {
        tower::Layer::layer(self, inner)
    }
}

// 32
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_early_says_nothing_and_a_late_one_is_a_failure() {
    let breaker =
        builder().min_calls(20).abandon_after(Duration::from_millis(100)).build().unwrap();
    for _ in 0..30 {
        give_up(&breaker, BRIEF, Request::new(())).await;
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.window.total(), snapshot.dropped), (0, 30));

    for _ in 0..19 {
        give_up(&breaker, Duration::from_millis(100), Request::new(())).await;
    }
    assert_eq!(breaker.state(), State::Closed);
    give_up(&breaker, Duration::from_millis(100), Request::new(())).await;
    assert_eq!(breaker.state(), State::Open);
}

// 33
#[tokio::test(start_paused = true)]
async fn a_timeout_further_out_does_not_hide_a_dead_backend() {
    let breaker = builder().abandon_after(Duration::from_millis(100)).build().unwrap();
    let mut service = ServiceBuilder::new()
        .timeout(Duration::from_millis(100))
        .layer(breaker.layer())
        .service_fn(hang);
    for _ in 0..10 {
        assert_eq!(breaker.state(), State::Closed);
        let answer = service.ready().await.unwrap().call(Request::new(())).await;
        assert!(answer.unwrap_err().is::<tower::timeout::error::Elapsed>());
    }
    assert_eq!(breaker.state(), State::Open);
}

/// The same without any setting, for the timeouts that are usual.
#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_second_is_noticed_by_default() {
    let breaker = breaker();
    for _ in 0..10 {
        assert_eq!(breaker.state(), State::Closed);
        give_up(&breaker, Duration::from_secs(1), Request::new(())).await;
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn long_polls_may_be_given_up_at_any_time() {
    let breaker = builder().never_abandoned().build().unwrap();
    for _ in 0..20 {
        give_up(&breaker, Duration::from_secs(60), Request::new(())).await;
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().dropped, 20);
}

// 34
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_at_its_deadline_is_a_failure() {
    let breaker = breaker();
    for _ in 0..10 {
        let mut request = Request::new(());
        let deadline = Deadline::at(Instant::now() + BRIEF);
        request.extensions_mut().insert(deadline);
        give_up(&breaker, BRIEF, request).await;
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_polled_says_nothing() {
    let breaker = breaker();
    let mut service = breaker.layer().layer_over(service_fn(hang));
    for _ in 0..20 {
        let call = service.ready().await.unwrap().call(Request::new(()));
        advance(Duration::from_secs(60)).await;
        drop(call);
    }
    assert_eq!(breaker.state(), State::Closed);
}

// 32, for who holds a permit: nobody polls a future of ours.
#[tokio::test(start_paused = true)]
async fn a_permit_that_is_dropped_late_is_a_failure_and_early_it_says_nothing() {
    let breaker = breaker();
    for _ in 0..20 {
        let permit = breaker.try_acquire().unwrap();
        advance(Duration::from_millis(999)).await;
        drop(permit);
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.totals.total(), snapshot.dropped), (0, 20));
    for _ in 0..10 {
        assert_eq!(breaker.state(), State::Closed);
        let permit = breaker.try_acquire().unwrap();
        advance(Duration::from_secs(1)).await;
        drop(permit);
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.snapshot().totals.failures, 10);
}

/// Else a timeout that is shorter than `abandon_after` would hide a dead backend, and nobody knew.
#[cfg(feature = "tracing")]
#[tokio::test(start_paused = true)]
async fn it_is_said_once_that_most_calls_are_given_up_before_they_count() {
    let logs = tower_ready_testing::logs::capture();
    let warnings = || {
        let mut events = logs.at(tower_ready_testing::logs::Level::WARN);
        events.retain(|event| event.target() == "tower_ready_breaker");
        events
    };
    let well = breaker();
    support::oks(&well, 20);
    for _ in 0..20 {
        give_up(&well, BRIEF, Request::new(())).await;
    }
    assert!(warnings().is_empty(), "no more than half of them");

    let hidden = breaker();
    for _ in 0..9 {
        give_up(&hidden, BRIEF, Request::new(())).await;
    }
    support::secs(10).await;
    for _ in 0..9 {
        give_up(&hidden, BRIEF, Request::new(())).await;
    }
    assert!(warnings().is_empty(), "too few in a window");
    for _ in 0..30 {
        give_up(&hidden, BRIEF, Request::new(())).await;
    }
    let warnings = warnings();
    assert_eq!(warnings.len(), 1, "{}", logs.text());
    assert_eq!(warnings[0].message(), "calls are given up before they count");
    assert_eq!(warnings[0].field("breaker"), Some("orders"));
    assert_eq!(warnings[0].field("abandon_after"), Some("1s"));
}

#[tokio::test(start_paused = true)]
async fn a_guarded_future_that_is_given_up_counts_as_a_call_does() {
    let breaker = breaker();
    for _ in 0..10 {
        let call = breaker.run(std::future::pending::<Result<(), ()>>());
        assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
    }
    assert_eq!(breaker.state(), State::Open);
}
