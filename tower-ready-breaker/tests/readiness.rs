//! When the service is ready, and which instance is called.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use support::{OPEN, advance, breaker, builder, half_open, trip};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt};
use tower_ready_breaker::{BreakerService, CallLayer, State};

/// Says what it was set to, and counts who asks.
#[derive(Clone, Default)]
struct Inner {
    readiness: Readiness,
    asked: Arc<AtomicUsize>,
    called: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Default)]
enum Readiness {
    #[default]
    Ready,
    Pending,
    Refused,
}

impl Service<Request<()>> for Inner {
    type Response = Response<Empty<Bytes>>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.asked.fetch_add(1, SeqCst);
        match self.readiness {
            Readiness::Ready => Poll::Ready(Ok(())),
            Readiness::Pending => Poll::Pending,
            Readiness::Refused => Poll::Ready(Err("refused")),
        }
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        self.called.fetch_add(1, SeqCst);
        std::future::ready(Ok(Response::default()))
    }
}

fn inner(readiness: Readiness) -> Inner {
    Inner { readiness, ..Inner::default() }
}

fn poll_ready(service: &mut BreakerService<Inner>) -> Poll<Result<(), &'static str>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

async fn status(service: &mut BreakerService<Inner>) -> StatusCode {
    service.call(Request::new(())).await.unwrap().status()
}

// 12
#[tokio::test(start_paused = true)]
async fn while_it_is_open_the_inner_service_is_left_alone() {
    let breaker = breaker();
    let inner = inner(Readiness::Ready);
    let mut service = breaker.layer().layer(inner.clone());
    trip(&breaker);
    for _ in 0..1_000 {
        service.ready().await.unwrap();
        assert_eq!(status(&mut service).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!((inner.asked.load(SeqCst), inner.called.load(SeqCst)), (0, 0));
    assert_eq!(breaker.snapshot().rejected, 1_001);
}

// 42
#[tokio::test(start_paused = true)]
async fn an_inner_service_that_fails_to_get_ready_is_a_failure() {
    let breaker = builder().consecutive_failures(5).build().unwrap();
    let mut service = breaker.layer().layer(inner(Readiness::Refused));
    for _ in 0..5 {
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(poll_ready(&mut service), Poll::Ready(Err("refused")), "passed on");
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())), "and never for an open circuit");

    advance(OPEN).await;
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err("refused")));
    assert_eq!(breaker.state(), State::Open, "no probe was lost by that");
    advance(OPEN).await;
    assert!(breaker.try_acquire().is_ok());
}

// 43
#[tokio::test(start_paused = true)]
async fn it_rejects_at_once_when_the_inner_service_would_never_get_ready() {
    let breaker = breaker();
    let mut service = breaker.layer().layer(inner(Readiness::Pending));
    assert!(poll_ready(&mut service).is_pending());
    trip(&breaker);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())));
    assert_eq!(status(&mut service).await, StatusCode::SERVICE_UNAVAILABLE);
}

// 43, for a task that waits already.
#[tokio::test(start_paused = true)]
async fn who_waits_for_the_inner_service_is_woken_when_the_circuit_opens() {
    let breaker = breaker();
    let never = inner(Readiness::Pending);
    let mut http = breaker.layer().layer(never.clone());
    let mut typed = CallLayer::new(breaker.clone()).layer(never.clone());
    let mut other = breaker.fallback_to(never.clone()).layer(never);
    let mut http_ready = task::spawn(std::future::poll_fn(|cx| http.poll_ready(cx)));
    let mut typed_ready = task::spawn(std::future::poll_fn(|cx| typed.poll_ready(cx)));
    let mut other_ready = task::spawn(std::future::poll_fn(|cx| other.poll_ready(cx)));
    assert_pending!(http_ready.poll());
    assert_pending!(typed_ready.poll());
    assert_pending!(other_ready.poll());
    trip(&breaker);
    assert!(http_ready.is_woken() && typed_ready.is_woken() && other_ready.is_woken());
    assert_ready_ok!(http_ready.poll());
    assert_ready_ok!(typed_ready.poll());
    assert_ready_ok!(other_ready.poll());
    drop(http_ready);
    assert_eq!(status(&mut http).await, StatusCode::SERVICE_UNAVAILABLE);
}

/// Nor does the circuit keep the task of who got ready in the end.
#[tokio::test(start_paused = true)]
async fn who_got_ready_is_not_woken_any_more() {
    let breaker = breaker();
    let mut service = breaker.layer().layer(inner(Readiness::Pending));
    let mut cx_task = task::spawn(());
    cx_task.enter(|cx, _| assert!(service.poll_ready(cx).is_pending()));
    service.get_mut().readiness = Readiness::Ready;
    cx_task.enter(|cx, _| assert!(service.poll_ready(cx).is_ready()));
    trip(&breaker);
    assert!(!cx_task.is_woken());
}

// 45
#[tokio::test(start_paused = true)]
async fn a_service_that_was_ready_before_it_opened_is_not_called() {
    let breaker = breaker();
    let inner = inner(Readiness::Ready);
    let mut service = breaker.layer().layer(inner.clone());
    service.ready().await.unwrap();
    trip(&breaker);
    assert_eq!(status(&mut service).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(inner.called.load(SeqCst), 0);
}

// 46
#[tokio::test(start_paused = true)]
async fn a_service_that_was_ready_to_reject_does_so_when_it_could_be_tried() {
    let breaker = breaker();
    let inner = inner(Readiness::Ready);
    let mut service = breaker.layer().layer(inner.clone());
    trip(&breaker);
    service.ready().await.unwrap();
    advance(OPEN).await;
    assert_eq!(status(&mut service).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(inner.called.load(SeqCst), 0, "nobody has asked whether it is ready");
    assert_eq!(breaker.state(), State::Open, "and no slot is taken");

    service.ready().await.unwrap();
    assert_eq!(status(&mut service).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_ready_service_that_is_dropped_has_taken_no_slot() {
    let breaker = breaker();
    half_open(&breaker).await;
    for _ in 0..3 {
        let mut service = breaker.layer().layer(inner(Readiness::Ready));
        service.ready().await.unwrap();
    }
    assert!(breaker.try_acquire().unwrap().is_probe());
}

#[tokio::test(start_paused = true)]
async fn while_a_probe_is_out_the_others_do_not_wait_for_it() {
    let breaker = breaker();
    let inner = inner(Readiness::Ready);
    let mut service = breaker.layer().layer(inner.clone());
    half_open(&breaker).await;
    let _probe = breaker.try_acquire().unwrap();
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())));
    assert_eq!(status(&mut service).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(inner.asked.load(SeqCst), 0);
}
