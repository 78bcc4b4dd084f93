//! Another service answers while the circuit is open.

mod support;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use support::{OPEN, advance, breaker, failures, trip};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_breaker::{Breaker, PerServiceLayer, Rejected, RejectedKind, State};
use tower_ready_core::LocalRejection;
use tower_ready_testing::contract;

type Answer = Result<Response<Full<Bytes>>, Infallible>;

async fn primary(_: Request<()>) -> Answer {
    Ok(Response::new(Full::from("primary")))
}

/// Is not ready at once, and says why it was asked.
#[derive(Clone, Default)]
struct Replica {
    asked: Arc<AtomicUsize>,
    is_ready: bool,
}

impl Service<Request<()>> for Replica {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Answer>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.is_ready {
            return Poll::Ready(Ok(()));
        }
        self.is_ready = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(self.is_ready, "the instance that got ready is called");
        self.asked.fetch_add(1, SeqCst);
        let why = request.extensions().get::<Rejected>().unwrap().kind().as_str();
        let mut response = Response::new(Full::from(format!("replica, {why}")));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        std::future::ready(Ok(response))
    }
}

async fn ask<S, B>(service: &S) -> (String, Option<LocalRejection>)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Error = Infallible>,
{
    let answer = service.clone().oneshot(Request::new(())).await.unwrap();
    let mark = answer.extensions().get().copied();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (String::from_utf8(body.to_vec()).unwrap(), mark)
}

#[tokio::test(start_paused = true)]
async fn it_answers_while_the_circuit_is_open_and_says_nothing_of_the_peer() {
    let (breaker, replica) = (breaker(), Replica::default());
    let service = breaker.fallback_to(replica.clone()).layer(service_fn(primary));
    assert_eq!(ask(&service).await, ("primary".to_owned(), None));
    failures(&breaker, 9);
    for asked in 1..=3 {
        let (text, mark) = ask(&service).await;
        assert_eq!(text, "replica, open");
        assert_eq!(mark, Some(LocalRejection::new("breaker", "open")));
        assert_eq!(replica.asked.load(SeqCst), asked);
    }
    assert_eq!(breaker.snapshot().totals.failures, 9, "what the replica answers is its own");
    advance(OPEN).await;
    assert_eq!(ask(&service).await.0, "primary", "a probe");
    assert_eq!(breaker.state(), State::HalfOpen);
    let _probe = breaker.try_acquire().unwrap();
    assert_eq!(ask(&service).await.0, "replica, half_open");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_ready_to_fall_back_does_so() {
    let breaker = breaker();
    let mut service = breaker.fallback_to(Replica::default()).layer(service_fn(primary));
    trip(&breaker);
    service.ready().await.unwrap();
    advance(OPEN).await;
    let answer = service.call(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(breaker.state(), State::Open, "no slot was taken");
}

#[tokio::test]
async fn the_contract_of_every_layer_holds() {
    contract::check(|| {
        let unused = service_fn(|_| async { unreachable!("the circuit is closed") });
        breaker().fallback_to(unused)
    })
    .await;
}

// 58, its second half; `hosts.rs` shows that one layer is one circuit on all routes.
#[tokio::test(start_paused = true)]
async fn each_service_of_a_layer_per_service_has_a_circuit_of_its_own() {
    let made = Arc::new(std::sync::Mutex::new(Vec::new()));
    let keeps = Arc::clone(&made);
    let layer = PerServiceLayer::new(move |number| {
        let breaker = Breaker::builder(format!("shard-{number}")).build()?;
        keeps.lock().unwrap().push(breaker.clone());
        Ok(breaker)
    });
    let layer = layer.unwrap();
    let services = [(); 3].map(|()| layer.clone().layer(service_fn(primary)));
    let made = made.lock().unwrap().clone();
    assert_eq!(made.len(), 3);
    made[1].force_open();
    for (number, service) in services.into_iter().enumerate() {
        let answer = service.oneshot(Request::new(())).await.unwrap();
        assert_eq!(answer.status() == 503, number == 1);
    }
    assert_eq!(made[1].try_acquire().unwrap_err().kind(), RejectedKind::ForcedOpen);
    let nonsense = PerServiceLayer::new(|_| Breaker::builder("none").buckets(0).build());
    assert!(nonsense.is_err());
}
