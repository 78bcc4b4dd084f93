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

mod measure;
#[allow(dead_code, reason = "other benches ask more of a token")]
#[path = "../stacks/tokens.rs"]
mod tokens;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    convert::Infallible,
    env,
    future::ready,
    hint::black_box,
    num::NonZeroU32,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use failsafe::{Config, failure_policy};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use recloser::Recloser;
use tower::{limit::ConcurrencyLimitLayer, service_fn};
use tower_layer::Layer;
use tower_ready_auth::Lookup;
use tower_ready_breaker::Breaker;
use tower_ready_core::Instant;
use tower_ready_deadline::Deadlines;
use tower_ready_obs::{Metrics, Tracing};
use tower_ready_problem::ProblemLayer;
use tower_ready_ratelimit::{KeyHash, MemoryStore, Quota, store::Demand};
use tower_ready_shed::{Adaptive, Bulkhead};
use tower_ready_shutdown::Lifecycle;
use tower_service::Service;

use self::measure::line;

fn main() {
    if !env::args().any(|arg| arg == "--bench") {
        return; // of `cargo test`
    }
    breakers();
    auth();
    limits();
    around();
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

fn limits() {
    println!();
    head("ratelimit, a store");
    let quota = Quota::per_second(1_000_000_000);
    let check = move |store: &MemoryStore, key: u128| {
        let demand = Demand::new(KeyHash::from_bits(key << 64 | key), &quota);
        store.check(Instant::now(), &demand).is_ok()
    };
    let store = MemoryStore::new(1_000).unwrap();
    line("one key of both", move || assert!(check(&store, 7)));
    let store = MemoryStore::new(1_000).unwrap();
    line("a key of each thread's own", move || {
        // Where a thread keeps its own values is a number that no other has.
        thread_local! { static OWN: Cell<u8> = const { Cell::new(0) } }
        let own = OWN.with(|own| std::ptr::from_ref(own).addr());
        assert!(check(&store, (own as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    });
    let limiter = governor::RateLimiter::dashmap(governor::Quota::per_second(NonZeroU32::MAX));
    line("[governor, one key of both]", move || {
        let _ = black_box(limiter.check_key(&7));
    });
}

fn around() {
    println!();
    head("layers, around a service that does nothing");
    let answer = |_: Request<()>| {
        let body = Full::new(Bytes::from_static(b"ok"));
        ready(Ok::<_, Infallible>(Response::new(body)))
    };
    let inner = service_fn(answer);
    service("[the service alone]", inner);
    service("shed", Bulkhead::builder().build().unwrap().layer().layer(inner));
    let adaptive = Adaptive::gradient().least(20);
    let adaptive = Bulkhead::builder().adaptive(adaptive).build().unwrap();
    service("shed, an adaptive limit", adaptive.layer().layer(inner));
    service("breaker", Breaker::builder("bench").build().unwrap().layer().layer(inner));
    let lifecycle = Lifecycle::builder().build().unwrap();
    lifecycle.ready();
    service("shutdown", lifecycle.layer().layer(inner));
    service("problem", ProblemLayer::default().layer(inner));
    let deadlines = Deadlines::builder().timeout(Duration::from_secs(3_600)).build().unwrap();
    service("deadline", deadlines.layer().layer(inner));
    let metrics = Metrics::builder().build().unwrap();
    service("metrics", metrics.layer().layer(inner));
    let ids = Tracing::builder().build().unwrap();
    service("a request id", ids.layer().layer(inner));
    let trace = Tracing::builder().request_ids(false).build().unwrap();
    service("a trace, nobody listens", trace.layer().layer(inner));
    service("[tower ConcurrencyLimit]", ConcurrencyLimitLayer::new(512).layer(inner));
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
            assert!(service.poll_ready(context).is_ready(), "it has to wait");
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
