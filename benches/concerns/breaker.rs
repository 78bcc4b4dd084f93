//! Circuit breakers: what a call pays while all is well, and what a rejection costs.

use std::{hint::black_box, time::Duration};

use failsafe::{Config, StateMachine, failure_policy};
use recloser::Recloser;
use tower::load_shed::LoadShedLayer;
use tower_layer::Layer;
use tower_ready_benches::{Cases, NoOp, Repeat, call};
use tower_ready_breaker::Breaker;
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, SlidingWindowType};

use crate::requests::{get, grpc};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn cases(cases: &mut Cases) {
    closed(cases);
    permits(cases);
    open(cases);
}

fn closed(cases: &mut Cases) {
    let ours = |breaker: Breaker| breaker.layer().layer(NoOp);
    let request = get();
    cases
        .over("closed", "a no-op service", call(&request, NoOp))
        .ours("failure rate", call(&request, ours(plain())))
        .ours("and failures in a row", call(&request, ours(consecutive())))
        .ours("and slow calls", call(&request, ours(slow())))
        .ours("and slow calls in flight", call(&request, ours(slow_in_flight())))
        .ours("throttle", call(&request, ours(throttle())))
        .peer("tower-resilience, 100 calls", call(&request, count_window()))
        .peer("tower-resilience, 1 ms", call(&request, time_window()))
        .peer("tower's load_shed", call(&request, LoadShedLayer::new().layer(NoOp)));

    let request = grpc();
    cases
        .over("closed, gRPC", "a no-op service", call(&request, NoOp))
        .ours("failure rate", call(&request, ours(plain())));
}

/// Without a service around: who guards SQL or a queue, and peers that know no tower.
fn permits(cases: &mut Cases) {
    let permit = |breaker: Breaker| {
        Repeat::of(move || {
            if let Ok(permit) = breaker.try_acquire() {
                permit.success();
            }
        })
    };
    let default = Config::new().build();
    let in_a_row = in_a_row();
    let recloser = Recloser::default();
    cases
        .operations("permit")
        .ours("failure rate", permit(plain()))
        .ours("and failures in a row", permit(consecutive()))
        .ours("and slow calls", permit(slow()))
        .peer("failsafe, default", Repeat::of(move || succeed(&default)))
        .peer("failsafe, in a row", Repeat::of(move || succeed(&in_a_row)))
        .peer("recloser", Repeat::of(move || recloser.call(|| Ok::<_, ()>(black_box(1)))));
}

fn open(cases: &mut Cases) {
    let request = get();
    let forced = plain();
    forced.force_open();
    let rejecting = forced.clone();
    let opened = opened();
    let dead = in_a_row();
    fail(&dead);
    cases
        .operations("open, before the answer")
        .ours("open", Repeat::of(move || opened.try_acquire().is_err()))
        .ours("forced open", Repeat::of(move || rejecting.try_acquire().is_err()))
        .peer("failsafe", Repeat::of(move || dead.is_call_permitted()));
    cases
        .over("open, with the answer", "a no-op service", call(&request, NoOp))
        .ours("a problem", call(&request, forced.layer().layer(NoOp)));
}

fn plain() -> Breaker {
    Breaker::builder("bench").build().unwrap()
}

fn consecutive() -> Breaker {
    let builder = Breaker::builder("bench").consecutive_failures(5);
    builder.build().unwrap()
}

fn slow() -> Breaker {
    let builder = Breaker::builder("bench").slow_calls(SECOND, 0.5);
    builder.slow_in_flight(false).build().unwrap()
}

fn slow_in_flight() -> Breaker {
    let builder = Breaker::builder("bench").slow_calls(SECOND, 0.5);
    builder.build().unwrap()
}

fn throttle() -> Breaker {
    Breaker::builder("bench").throttle(2.0).build().unwrap()
}

fn opened() -> Breaker {
    let builder = Breaker::builder("bench").consecutive_failures(1);
    let breaker = builder.open_for([SECOND * 3_600]).build().unwrap();
    breaker.try_acquire().unwrap().failure();
    breaker
}

type Peer = tower_resilience_circuitbreaker::CircuitBreaker<
    NoOp,
    tower_resilience_circuitbreaker::DefaultClassifier,
>;

fn count_window() -> Peer {
    let layer = CircuitBreakerLayer::builder().sliding_window_size(100).build();
    layer.unwrap().layer(NoOp)
}

fn time_window() -> Peer {
    let layer = CircuitBreakerLayer::builder()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(Duration::from_millis(1))
        .build();
    layer.unwrap().layer(NoOp)
}

type InARow = failure_policy::ConsecutiveFailures<std::iter::Repeat<Duration>>;

fn in_a_row() -> StateMachine<InARow, ()> {
    let backoff = std::iter::repeat(SECOND * 3_600);
    Config::new().failure_policy(failure_policy::consecutive_failures(5, backoff)).build()
}

fn succeed<P: failsafe::FailurePolicy>(machine: &StateMachine<P, ()>) {
    if machine.is_call_permitted() {
        machine.on_success();
    }
}

fn fail<P: failsafe::FailurePolicy>(machine: &StateMachine<P, ()>) {
    for _ in 0..5 {
        machine.on_error();
    }
}
