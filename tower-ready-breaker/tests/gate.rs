//! A circuit under a balancer.

mod support;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use support::{OPEN, advance, breaker, builder, calls, half_open, trip};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{
    Layer, Service, ServiceExt, balance::p2c::Balance, discover::ServiceList, load::Constant,
    service_fn,
};
use tower_ready_breaker::{Breaker, GateService, State};
use tower_ready_testing::contract;

async fn answer(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::default())
}

type Answers = fn(Request<()>) -> AnswerFuture;
type AnswerFuture = std::future::Ready<Result<Response<Full<Bytes>>, Infallible>>;

fn gated(breaker: &Breaker) -> GateService<tower::util::ServiceFn<Answers>> {
    let inner: Answers = |_| std::future::ready(Ok(Response::default()));
    breaker.gate().layer(service_fn(inner))
}

// 47
#[tokio::test(start_paused = true)]
async fn it_is_ready_when_the_circuit_may_be_tried_though_nobody_asks() {
    let breaker = breaker();
    let mut service = gated(&breaker);
    trip(&breaker);
    let mut ready = task::spawn(std::future::poll_fn(|cx| service.poll_ready(cx)));
    assert_pending!(ready.poll());
    advance(OPEN - Duration::from_millis(1)).await;
    assert!(!ready.is_woken());
    assert_pending!(ready.poll());
    advance(Duration::from_millis(2)).await;
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

#[tokio::test(start_paused = true)]
async fn it_is_woken_when_a_probe_has_closed_the_circuit_or_given_its_slot_back() {
    let breaker = breaker();
    half_open(&breaker).await;
    for outcome in ["drop", "success"] {
        let probe = breaker.try_acquire().unwrap();
        let mut service = gated(&breaker);
        let mut ready = task::spawn(std::future::poll_fn(|cx| service.poll_ready(cx)));
        assert_pending!(ready.poll());
        match outcome {
            "drop" => drop(probe),
            _ => probe.success(),
        }
        assert!(ready.is_woken(), "{outcome}");
        assert_ready_ok!(ready.poll());
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_wakes_it_too() {
    let breaker = breaker();
    breaker.force_open();
    let mut service = gated(&breaker);
    let mut ready = task::spawn(std::future::poll_fn(|cx| service.poll_ready(cx)));
    assert_pending!(ready.poll());
    advance(Duration::from_secs(3_600)).await;
    assert!(!ready.is_woken());
    breaker.auto();
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
}

// 44
#[tokio::test(start_paused = true)]
async fn a_ready_service_that_is_dropped_or_kept_holds_no_slot() {
    let breaker = breaker();
    half_open(&breaker).await;
    let mut kept = gated(&breaker);
    kept.ready().await.unwrap();
    drop(kept.clone());
    advance(Duration::from_secs(3_600)).await;
    calls(&breaker, "+");
    let answer = kept.call(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_ready_when_the_circuit_opened_rejects() {
    let breaker = breaker();
    let mut service = breaker.gate().layer(service_fn(answer));
    service.ready().await.unwrap();
    trip(&breaker);
    let answer = service.call(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// An endpoint that counts its calls and fails while it is sick.
#[derive(Clone, Default)]
struct Endpoint {
    calls: Arc<AtomicUsize>,
    is_sick: Arc<AtomicBool>,
}

impl Service<Request<()>> for Endpoint {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        self.calls.fetch_add(1, SeqCst);
        let mut response = Response::default();
        if self.is_sick.load(SeqCst) {
            *response.status_mut() = StatusCode::BAD_GATEWAY;
        }
        std::future::ready(Ok(response))
    }
}

// 48
#[tokio::test(start_paused = true)]
async fn a_balancer_leaves_a_sick_endpoint_out_and_comes_back_to_it() {
    let endpoints = [(); 3].map(|()| Endpoint::default());
    let services = endpoints.clone().map(|endpoint| {
        let breaker = builder().consecutive_failures(3).build().unwrap();
        Constant::new(breaker.gate().layer(endpoint), 1.0)
    });
    let mut balancer = Balance::new(ServiceList::new(services.into_iter().collect::<Vec<_>>()));
    let mut called = async |calls: usize| {
        let before = endpoints.each_ref().map(|endpoint| endpoint.calls.load(SeqCst));
        for _ in 0..calls {
            balancer.ready().await.unwrap().call(Request::new(())).await.unwrap();
        }
        let after = endpoints.each_ref().map(|endpoint| endpoint.calls.load(SeqCst));
        std::array::from_fn::<_, 3, _>(|n| after[n] - before[n])
    };
    assert!(called(100).await.iter().all(|calls| *calls > 10));

    endpoints[0].is_sick.store(true, SeqCst);
    assert!(called(300).await[0] <= 4, "three failures, and one that was ready already");
    advance(OPEN + Duration::from_millis(1)).await;
    assert!(called(100).await[0] <= 2, "a probe");

    endpoints[0].is_sick.store(false, SeqCst);
    advance(OPEN + Duration::from_millis(1)).await;
    assert!(called(300).await[0] > 50, "it has recovered");
}

#[tokio::test]
async fn the_contract_of_every_layer_holds() {
    contract::check(|| builder().build().unwrap().gate()).await;
}
