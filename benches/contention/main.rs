//! What a second thread costs: `cargo bench -p tower-ready-benches --bench contention`.
//!
//! Each line is one thing that all threads share, in nanoseconds for one turn of one thread: alone,
//! and while another thread does the same. Threads work in slices of some microseconds; of those
//! slices count in which the other thread was at work all the time, and of them the median. So a
//! machine that does something else as well takes slices away, but does not change what they show.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and reports its own failures by panicking"
)]

#[path = "../stacks/tokens.rs"]
mod tokens;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    convert::Infallible,
    env,
    future::ready,
    hint::black_box,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use bytes::Bytes;
use failsafe::{Config, failure_policy};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use recloser::Recloser;
use tower::service_fn;
use tower_layer::Layer;
use tower_ready_auth::Lookup;
use tower_ready_breaker::Breaker;
use tower_ready_core::Instant;
use tower_ready_obs::{Metrics, Tracing};
use tower_service::Service;

const TURNS: u32 = 200;
const ALONE: Duration = Duration::from_millis(200);
/// Long, since two threads of a busy machine seldom have a processor each at the same time.
const TOGETHER: Duration = Duration::from_secs(3);

fn main() {
    if !env::args().any(|arg| arg == "--bench") {
        return; // of `cargo test`
    }
    breakers();
    auth();
    obs();
}

fn head(concern: &str) {
    println!("| {concern} | alone | two threads | factor |");
    println!("|---|---:|---:|---:|");
}

fn breakers() {
    head("breaker, closed");
    let breaker = Breaker::builder("bench").build().unwrap();
    line("failure rate", move || {
        breaker.try_acquire().unwrap().success();
    });
    let builder = Breaker::builder("bench").slow_calls(Duration::from_secs(1), 0.5);
    let breaker = builder.slow_in_flight(false).build().unwrap();
    line("and slow calls", move || {
        breaker.try_acquire().unwrap().success();
    });
    let builder = Breaker::builder("bench").slow_calls(Duration::from_secs(1), 0.5);
    let breaker = builder.build().unwrap();
    line("and slow calls in flight", move || {
        breaker.try_acquire().unwrap().success();
    });
    let failsafe = Config::new().build();
    line("[failsafe, default]", move || {
        if failsafe.is_call_permitted() {
            failsafe.on_success();
        }
    });
    let policy = failure_policy::consecutive_failures(5, std::iter::repeat(Duration::from_secs(1)));
    let failsafe = Config::new().failure_policy(policy).build();
    line("[failsafe, in a row]", move || {
        if failsafe.is_call_permitted() {
            failsafe.on_success();
        }
    });
    let recloser = Recloser::default();
    line("[recloser]", move || {
        black_box(recloser.call(|| Ok::<_, ()>(1))).unwrap();
    });
}

fn auth() {
    println!();
    head("auth, verify");
    let token = tokens::hs256("alice");
    let verifier = tokens::verifier(&token);
    let bytes = token.text;
    line("a new HS256 token", move || {
        black_box(verifier.verify(black_box(bytes.as_bytes()))).unwrap();
    });
    let (keys, key) = tokens::api_key();
    line("an API key", move || {
        let Lookup::Ready(found) = keys.verify(black_box(key.as_bytes()), None) else {
            return;
        };
        black_box(found).unwrap();
    });
    let tokens: Vec<_> = tokens::es256(64);
    let verifier = tokens::verifier(&tokens[0]);
    let first = tokens[0].text.clone();
    let same = verifier.clone();
    line("one ES256 token, seen before", move || {
        black_box(same.verify(black_box(first.as_bytes()))).unwrap();
    });
    let next = AtomicUsize::new(0);
    thread_local! { static AT: Cell<usize> = const { Cell::new(usize::MAX) } }
    line("ES256 tokens of each thread's own, seen before", move || {
        // Each thread goes round in a half of its own.
        let at = AT.get();
        let at = if at == usize::MAX { next.fetch_add(32, Ordering::Relaxed) % 64 } else { at };
        AT.set(at / 32 * 32 + (at + 1) % 32);
        black_box(verifier.verify(black_box(tokens[at].text.as_bytes()))).unwrap();
    });
}

fn obs() {
    println!();
    head("obs, around a service that does nothing");
    let answer = |_: Request<()>| {
        let body = Full::new(Bytes::from_static(b"ok"));
        ready(Ok::<_, Infallible>(Response::new(body)))
    };
    service("[the service alone]", service_fn(answer));
    let metrics = Metrics::builder().build().unwrap();
    service("metrics", metrics.layer().layer(service_fn(answer)));
    let ids = Tracing::builder().build().unwrap();
    service("a request id", ids.layer().layer(service_fn(answer)));
    let trace = Tracing::builder().request_ids(false).build().unwrap();
    service("a trace, nobody listens", trace.layer().layer(service_fn(answer)));
}

/// Each thread has a clone of the service, as each connection has.
fn service<S, B>(name: &str, service: S)
where
    S: Service<Request<()>, Response = Response<B>> + Clone + Send + Sync + 'static,
    B: Body,
{
    thread_local! { static OWN: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) } }
    line(name, move || {
        OWN.with_borrow_mut(|own| {
            if !own.as_ref().is_some_and(|own| own.is::<S>()) {
                *own = Some(Box::new(service.clone()));
            }
            let service = own.as_mut().and_then(|own| own.downcast_mut::<S>()).unwrap();
            let context = &mut Context::from_waker(Waker::noop());
            let Poll::Ready(Ok(answer)) = pin!(service.call(Request::new(()))).poll(context) else {
                panic!("there is no answer");
            };
            let mut body = pin!(answer.into_body());
            while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(context) {
                black_box(frame.is_ok());
            }
        });
    });
}

fn line(name: &str, turn: impl Fn() + Send + Sync + 'static) {
    let turn = Arc::new(turn);
    let alone = median(slices(&*turn, ALONE).iter().map(Slice::nanos).collect());
    let other = thread::spawn({
        let turn = Arc::clone(&turn);
        move || slices(&*turn, TOGETHER)
    });
    let (mine, other) = (slices(&*turn, TOGETHER), other.join().unwrap());
    let together = median(shared(&mine, &other));
    println!("| {name} | {alone:.1} | {together:.1} | {:.2} |", together / alone);
}

#[derive(Clone, Copy)]
struct Slice {
    start: Instant,
    end: Instant,
}

impl Slice {
    fn nanos(&self) -> f64 {
        self.end.since(self.start).as_nanos() as f64 / f64::from(TURNS)
    }
}

fn slices(turn: &(impl Fn() + Sync), time: Duration) -> Vec<Slice> {
    let mut slices = Vec::with_capacity(1 << 20);
    let stop = Instant::now() + time;
    loop {
        let start = Instant::now();
        for _ in 0..TURNS {
            turn();
        }
        let end = Instant::now();
        slices.push(Slice { start, end });
        if end >= stop {
            return slices;
        }
    }
}

/// The slices during which the other thread was at work, and not kept from it.
fn shared(mine: &[Slice], other: &[Slice]) -> Vec<f64> {
    let usual = median(other.iter().map(Slice::nanos).collect());
    let at_work = |moment: Instant| {
        let at = other.partition_point(|slice| slice.end < moment);
        other.get(at).filter(|slice| slice.start <= moment && slice.nanos() < 4.0 * usual)
    };
    let whole = |slice: &&Slice| {
        let ends = (at_work(slice.start), at_work(slice.end));
        let (Some(first), Some(last)) = ends else {
            return false;
        };
        // As many slices of the other lie between as there is time for.
        last.end.since(first.start) < slice.end.since(slice.start) * 4
    };
    mine.iter().filter(whole).map(Slice::nanos).collect()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}
