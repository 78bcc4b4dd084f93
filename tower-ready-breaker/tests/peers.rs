//! What the published breakers do where this one does otherwise, so that the comparison stays true:
//! a peer that mends its way fails a test here, and with it what the documentation says.
//!
//! Letters are those of the comparison in this crate's issue. The peers read a clock that no test
//! can set, so their times are zero where a test would wait for them.

mod support;

use std::{
    convert::Infallible,
    panic::catch_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use failsafe::{Config, backoff, failure_policy};
use http::{Request, Response};
use http_body_util::Full;
use recloser::Recloser;
use support::{OPEN, advance, builder, calls, failures, half_open, oks, secs, trip};
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_breaker::{Breaker, State};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerLayer, CircuitState, DefaultClassifier,
    SlidingWindowType,
};

type Outcome = Result<(), ()>;
type Later = oneshot::Receiver<Outcome>;

/// A call whose end is up to the test: `None` succeeds at once.
async fn at_will(outcome: Option<Later>) -> Outcome {
    match outcome {
        None => Ok(()),
        Some(later) => later.await.unwrap_or(Err(())),
    }
}

fn done(outcome: Outcome) -> Option<Later> {
    let (sender, later) = oneshot::channel();
    sender.send(outcome).unwrap();
    Some(later)
}

fn peer() -> CircuitBreakerConfigBuilder<DefaultClassifier> {
    CircuitBreakerLayer::builder()
        .sliding_window_size(10)
        .minimum_number_of_calls(10)
        .failure_rate_threshold(0.5)
        .permitted_calls_in_half_open(1)
        .wait_duration_in_open(Duration::ZERO)
}

async fn call<S>(service: &S, outcome: Option<Later>) -> Result<(), S::Error>
where
    S: Service<Option<Later>, Response = ()> + Clone,
{
    service.clone().ready().await?.call(outcome).await
}

async fn fail<S: Service<Option<Later>, Response = ()> + Clone>(service: &S, times: usize) {
    for _ in 0..times {
        assert!(call(service, done(Err(()))).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_the_past_is_forgotten_here_and_not_there() {
    let (layer, handle) = peer().build_with_handle().unwrap();
    let service = layer.layer(service_fn(at_will));
    for _ in 0..1_000 {
        call(&service, None).await.unwrap();
    }
    let mut failed = 0;
    while !handle.is_open() {
        fail(&service, 1).await;
        failed += 1;
    }
    assert_eq!(failed, 1_000, "in a window of ten calls");

    let ours = support::breaker();
    oks(&ours, 1_000);
    secs(11).await;
    failures(&ours, 10);
    assert_eq!(ours.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn b_good_probes_that_are_further_apart_than_the_window_wedge_theirs() {
    // Any two calls are further apart than a nanosecond.
    let window = peer()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(Duration::from_nanos(1))
        .permitted_calls_in_half_open(3);
    let (layer, handle) = window.build_with_handle().unwrap();
    let service = layer.layer(service_fn(at_will));
    handle.force_open().await;
    for _ in 0..3 {
        call(&service, None).await.unwrap();
    }
    for _ in 0..1_000 {
        assert!(call(&service, None).await.is_err(), "no probe is left, and none comes back");
    }
    assert_eq!(handle.state(), CircuitState::HalfOpen);

    let ours = builder().successes_to_close(3).build().unwrap();
    half_open(&ours).await;
    for probes in 1..=3 {
        secs(60).await;
        calls(&ours, "+");
        assert_eq!(ours.state() == State::Closed, probes == 3);
    }
}

#[tokio::test(start_paused = true)]
async fn c_a_late_success_closes_it_there_and_says_nothing_here() {
    let (layer, handle) = peer().build_with_handle().unwrap();
    let service = layer.layer(service_fn(at_will));
    let (early, later) = oneshot::channel();
    let early_call = tokio::spawn({
        let service = service.clone();
        async move { call(&service, Some(later)).await }
    });
    tokio::task::yield_now().await;
    fail(&service, 10).await;
    let (_hanging, later) = oneshot::channel();
    let probe = tokio::spawn(async move { call(&service, Some(later)).await });
    while handle.state() != CircuitState::HalfOpen {
        tokio::task::yield_now().await;
    }
    early.send(Ok(())).unwrap();
    early_call.await.unwrap().unwrap();
    assert_eq!(handle.state(), CircuitState::Closed);
    probe.abort();

    let closed = Arc::new(AtomicUsize::new(0));
    let times = std::iter::repeat(Duration::ZERO);
    let policy = failure_policy::consecutive_failures(1, times);
    let heard = Heard(Arc::clone(&closed));
    let failsafe = Config::new().failure_policy(policy).instrument(heard).build();
    assert!(failsafe.is_call_permitted(), "a call that is slow");
    failsafe.on_error();
    assert!(failsafe.is_call_permitted(), "a probe");
    let before = closed.load(SeqCst);
    failsafe.on_success();
    assert_eq!(closed.load(SeqCst), before + 1, "whose success that was nobody asks");

    let ours = support::breaker();
    let early = ours.try_acquire().unwrap();
    half_open(&ours).await;
    let _probe = ours.try_acquire().unwrap();
    early.success();
    assert_eq!(ours.state(), State::HalfOpen);
}

/// Hears how often failsafe's circuit closes.
struct Heard(Arc<AtomicUsize>);

impl failsafe::Instrument for Heard {
    fn on_call_rejected(&self) {}
    fn on_open(&self) {}
    fn on_half_open(&self) {}
    fn on_closed(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn d_two_services_of_one_layer_are_one_circuit_here_and_two_there() {
    let layer = peer().wait_duration_in_open(Duration::from_secs(3_600)).build().unwrap();
    let (one, other) = (layer.layer(service_fn(at_will)), layer.layer(service_fn(at_will)));
    fail(&one, 10).await;
    assert!(one.is_open() && !other.is_open());

    let ours = support::breaker();
    let layer = ours.layer();
    let answer = |_: Request<()>| std::future::ready(Ok::<_, Infallible>(Response::new(empty())));
    let mut services = [layer.layer(service_fn(answer)), layer.layer(service_fn(answer))];
    trip(&ours);
    for service in &mut services {
        let answer = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(answer.status(), 503);
    }
}

fn empty() -> Full<Bytes> {
    Full::default()
}

#[tokio::test(start_paused = true)]
async fn e_forced_open_it_stays_here_and_not_there() {
    let (layer, handle) = peer().build_with_handle().unwrap();
    let service = layer.layer(service_fn(at_will));
    handle.force_open().await;
    call(&service, None).await.unwrap();
    assert_eq!(handle.state(), CircuitState::Closed, "by the first call");

    let ours = support::breaker();
    ours.force_open();
    secs(3_600).await;
    assert!(ours.try_acquire().is_err());
}

/// A service that nobody can connect to.
#[derive(Clone)]
struct Refused;

impl Service<Request<()>> for Refused {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Err("refused"))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[tokio::test(start_paused = true)]
async fn h_connections_that_are_refused_are_failures_here_and_not_there() {
    let (layer, handle) = peer().build_with_handle().unwrap();
    let mut theirs = layer.layer(Refused);
    let breaker = support::breaker();
    let mut ours = breaker.layer().layer(Refused);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        let _ = theirs.poll_ready(&mut cx);
        let _ = ours.poll_ready(&mut cx);
    }
    assert_eq!(handle.state(), CircuitState::Closed);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn i_a_probe_that_is_slow_closes_it_there_and_opens_it_here() {
    let always_slow = peer().slow_call_duration_threshold(Duration::from_nanos(1));
    let (layer, handle) = always_slow.slow_call_rate_threshold(1.0).build_with_handle().unwrap();
    let service = layer.layer(service_fn(at_will));
    for _ in 0..10 {
        call(&service, None).await.unwrap();
    }
    assert!(handle.is_open());
    call(&service, None).await.unwrap();
    assert_eq!(handle.state(), CircuitState::Closed);

    let ours = builder().slow_calls(Duration::from_secs(1), 1.0).build().unwrap();
    half_open(&ours).await;
    let probe = ours.try_acquire().unwrap();
    secs(1).await;
    probe.success();
    assert_eq!(ours.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn j_a_paused_clock_rules_ours_and_not_theirs() {
    let (layer, handle) =
        peer().wait_duration_in_open(Duration::from_secs(3_600)).build_with_handle().unwrap();
    let service = layer.layer(service_fn(at_will));
    fail(&service, 10).await;
    secs(7_200).await;
    assert!(call(&service, None).await.is_err());
    assert!(handle.is_open());

    let ours = support::breaker();
    trip(&ours);
    advance(OPEN).await;
    assert!(ours.try_acquire().is_ok());
}

#[tokio::test(start_paused = true)]
async fn p_a_probe_that_hangs_shuts_theirs_for_good() {
    let (layer, handle) = peer().build_with_handle().unwrap();
    let service = layer.layer(service_fn(at_will));
    fail(&service, 10).await;
    let (_hanging, later) = oneshot::channel();
    let probe = tokio::spawn({
        let service = service.clone();
        async move { call(&service, Some(later)).await }
    });
    while handle.state() != CircuitState::HalfOpen {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        assert!(call(&service, None).await.is_err());
    }
    assert_eq!(handle.state(), CircuitState::HalfOpen);
    probe.abort();

    let ours = support::breaker();
    half_open(&ours).await;
    let _hanging = ours.try_acquire().unwrap();
    secs(10).await;
    assert!(ours.try_acquire().is_err(), "its lease is over, and the circuit open again");
    advance(OPEN).await;
    calls(&ours, "++");
    assert_eq!(ours.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn q_a_bad_status_is_a_failure_here_and_not_there() {
    let broken = |_: Request<()>| {
        let mut response = Response::new(empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        std::future::ready(Ok::<_, Infallible>(response))
    };
    let (layer, handle) = peer().build_with_handle().unwrap();
    let mut theirs = layer.layer(service_fn(broken));
    let breaker = support::breaker();
    let mut ours = breaker.layer().layer(service_fn(broken));
    for _ in 0..50 {
        theirs.ready().await.unwrap().call(Request::new(())).await.unwrap();
        let _ = ours.ready().await.unwrap().call(Request::new(())).await;
    }
    assert_eq!(handle.state(), CircuitState::Closed);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn fs1_half_open_is_a_flood_there_and_one_call_here() {
    let policy = failure_policy::consecutive_failures(1, std::iter::repeat(Duration::ZERO));
    let failsafe = Config::new().failure_policy(policy).build();
    failsafe.on_error();
    let admitted = (0..1_000).filter(|_| failsafe.is_call_permitted()).count();
    assert_eq!(admitted, 1_000);

    let recloser =
        Recloser::custom().closed_len(1).half_open_len(2).open_wait(Duration::ZERO).build();
    for _ in 0..2 {
        let _ = recloser.call(|| Err::<(), _>(()));
    }
    let (recloser, nested) = (Arc::new(recloser), Arc::new(Mutex::new(0)));
    in_each_other(&recloser, &nested, 100);
    assert_eq!(*nested.lock().unwrap(), 100, "all of them at the same time");

    let ours = support::breaker();
    half_open(&ours).await;
    let probes: Vec<_> = (0..1_000).filter_map(|_| ours.try_acquire().ok()).collect();
    assert_eq!(probes.len(), 1);
}

/// Calls that are all in flight at once: each is made within the one before.
fn in_each_other(recloser: &Arc<Recloser>, admitted: &Arc<Mutex<u32>>, depth: u32) {
    if depth > 0 {
        let _ = recloser.call(|| {
            *admitted.lock().unwrap() += 1;
            in_each_other(recloser, admitted, depth - 1);
            Ok::<_, ()>(())
        });
    }
}

#[test]
fn fs3_a_backoff_below_a_second_panics_there() {
    let below = || backoff::exponential(Duration::from_millis(500), Duration::from_secs(10));
    assert!(catch_unwind(below).is_err());
    let times = tower_ready_breaker::Backoff::exponential;
    let ours = Breaker::builder("orders")
        .open_for(times(Duration::from_millis(500), Duration::from_secs(10)));
    assert!(ours.build().is_ok());
}

#[test]
fn fs4_half_a_second_is_no_window_there() {
    let times = std::iter::repeat(Duration::from_secs(1));
    let window = Duration::from_millis(500);
    let policy = failure_policy::success_rate_over_time_window(0.8, 1, window, times);
    let failsafe = Config::new().failure_policy(policy).build();
    for _ in 0..100 {
        failsafe.on_success();
    }
    failsafe.on_error();
    assert!(!failsafe.is_call_permitted(), "one failure after a hundred successes");

    let ours = builder().window(window).build().unwrap();
    oks(&ours, 100);
    failures(&ours, 1);
    assert_eq!(ours.state(), State::Closed);
}

#[test]
fn fs5_the_default_policy_sleeps_through_the_first_half_minute_there() {
    let failsafe = Config::new().build();
    let ours = Breaker::builder("orders").build().unwrap();
    for call in 0..400 {
        match call % 5 {
            0 => failsafe.on_success(),
            _ => failsafe.on_error(),
        }
        if let Ok(permit) = ours.try_acquire() {
            match call % 5 {
                0 => permit.success(),
                _ => permit.failure(),
            }
        }
    }
    assert!(failsafe.is_call_permitted());
    assert_eq!(ours.state(), State::Open);
}
