//! How much a service can take: bulkheads as a Tower layer, to the end of the body, right over HTTP
//! and gRPC.
//!
//! Without it a service takes on whatever comes. Under twice the load that it can bear, each answer
//! is later than its caller waits for, and all work is for nothing. A concurrency limit of tower's
//! makes its callers wait in line without an end; it counts for each route and each connection
//! anew where axum applies it, and forgets a request when the head of its answer is out, while the
//! body streams on.
//!
//! ```
//! use axum::{Router, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_ready_shed::Bulkhead;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let bulkhead = Bulkhead::builder().limit(1).build().unwrap();
//! let app = Router::<()>::new().route("/", get(|| async { "ok" })).layer(bulkhead.layer());
//! let request = || Request::get("/").body(String::new()).unwrap();
//!
//! let served = app.clone().oneshot(request()).await.unwrap();
//! assert_eq!(served.status(), StatusCode::OK);
//! // Its body is not read yet.
//! let refused = app.clone().oneshot(request()).await.unwrap();
//! assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert!(refused.headers().contains_key("retry-after"));
//! drop(served);
//! assert_eq!(bulkhead.in_flight(), 0);
//! # });
//! ```
//!
//! # Rules
//!
//! 1. As many requests are served at a time as the [limit](BulkheadBuilder::limit) says, over all
//!    routes and connections to which layers of the [`Bulkhead`] were applied.
//! 2. A request has its slot to the end of its body: until that is complete, fails, is dropped by a
//!    caller that leaves, or panics. An upgrade gives it back with its head.
//! 3. Whoever finds no slot is turned away at once, or waits in a [queue](BulkheadBuilder::queue) of
//!    bounded length, for a bounded time and no longer than its
//!    [deadline](tower_ready_core::Deadline). A caller that leaves frees its place.
//! 4. A queue that has not been empty for a while is an [overload](Queue::overload): the newest goes
//!    first, and nobody waits for long. Who waits longest has the caller that is most likely gone.
//! 5. [Priorities](BulkheadBuilder::priority) keep a part of the slots for what is important, and
//!    the front of the queue. [`Partitions`] guarantee parts of them to routes or tenants: whoever
//!    has less than its share is served though others have filled the limit, and never waits.
//! 6. Nobody turns [health checks](is_health_check) away, or what else
//!    [must not be](BulkheadBuilder::never_shed). [Exempt](BulkheadBuilder::exempt) requests take no
//!    slot at all.
//! 7. The limit is fixed or [adaptive](BulkheadBuilder::adaptive), and [may be](Bulkhead::set_limit)
//!    changed at any time. More slots go to those that wait; fewer are taken from nobody.
//! 8. On Linux [processors](Cpu) that are too busy turn requests away as well.
//!
//! # A limit that finds itself
//!
//! [`Adaptive`] takes the place of a fixed limit where nobody knows it, or where it changes: with the
//! machine, the data, the neighbours. It learns from how long answers take to their heads. Refusals,
//! failures, what was wrong with the request itself and calls that were given up early teach it
//! nothing; those that were given up when they were slow already do. It does not grow while nobody
//! comes near it.
//!
//! Below, a service of 20 workers, each of which needs 10 ms for a call, half of that exponentially
//! distributed, under a multiple of the load that it can bear. Of each limit: how much of its
//! capacity it gives to calls that it answers, and how long 99 % of these take at most; without any
//! load that is 28 ms. The table is made by a simulation, which is a test of this crate.
//!
//! | limit | half | just as much | twice | ten times |
//! |---|---|---|---|---|
//! | nothing | 51 %, 27 ms | 100 %, 108 ms | 100 %, 7440 ms | 100 %, 13414 ms |
//! | 20 | 50 %, 28 ms | 84 %, 28 ms | 95 %, 28 ms | 99 %, 28 ms |
//! | 100 | 51 %, 27 ms | 99 %, 55 ms | 100 %, 68 ms | 100 %, 69 ms |
//! | `aimd`, 12 ms | 50 %, 28 ms | 95 %, 31 ms | 100 %, 31 ms | 100 %, 31 ms |
//! | `vegas` | 50 %, 28 ms | 95 %, 31 ms | 99 %, 30 ms | 98 %, 31 ms |
//! | `gradient2` | 50 %, 28 ms | 98 %, 38 ms | 100 %, 38 ms | 100 %, 37 ms |
//! | `gradient` | 50 %, 28 ms | 96 %, 34 ms | 98 %, 33 ms | 99 %, 35 ms |
//! | tower: load_shed, 20 | 50 %, 28 ms | 84 %, 28 ms | 95 %, 28 ms | 99 %, 28 ms |
//! | tower-resilience: bulkhead, 20 | 50 %, 28 ms | 84 %, 28 ms | 95 %, 28 ms | 99 %, 28 ms |
//! | tower-resilience: AIMD, 12 ms | 21 %, 26 ms | 24 %, 28 ms | 25 %, 29 ms | 27 %, 29 ms |
//! | tower-resilience: Vegas | 22 %, 27 ms | 24 %, 27 ms | 25 %, 28 ms | 26 %, 28 ms |
//! | tower-resilience: Gradient2 | 51 %, 27 ms | 100 %, 96 ms | 101 %, 117 ms | 100 %, 120 ms |
//!
//! A fixed limit that turns away at once does what tower's `LoadShed` over its `ConcurrencyLimit`
//! does. The right one does as well as those that find it, and stays what it is when the service
//! does not: in the same simulation a [gradient](Adaptive::gradient) finds another number of workers
//! within three seconds, and another time of service when it is [measured](Adaptive::probe_every)
//! again. Two instances in front of one service share it.
//!
//! The laws of tower-resilience 0.14 have their defaults here, and turn calls away at their limits;
//! its own service lets them wait without an end. They judge each answer by itself, so that one that
//! is slow by nature counts as an overload, where ours look at the median of many. [Gradient2] takes
//! what was lately for what has to be, so it lets a line grow, and takes an overload that was there
//! from the start for the rule. That is why ours measures instead, now and then, with a few requests
//! at a time.
//!
//! [Gradient2]: Adaptive::gradient2
//!
//! # What a caller sees
//!
//! | protocol | answer |
//! |---|---|
//! | HTTP | 503, the problem `overloaded`, with `Retry-After` |
//! | gRPC, gRPC-Web | `UNAVAILABLE`, or as [`EXHAUSTED`] `RESOURCE_EXHAUSTED`, with `RetryInfo` and `grpc-retry-pushback-ms` |
//! | Connect | `unavailable`, or `resource_exhausted` |
//!
//! The time to come back is another for each, from half to one and a half of
//! [`retry_after`](BulkheadBuilder::retry_after), so that those who left together do not return
//! together. A refusal is marked as a [local rejection](tower_ready_core::LocalRejection), `shed` and
//! `full`, `waited`, `evicted` or `cpu`, so that nobody takes it for a failure of the service.
//!
//! # Its place
//!
//! On a server inside of what observes, of `ProblemLayer` and of the deadline, which it has to know,
//! and outside of all that costs: limits, authentication, handlers. One bulkhead around the whole
//! keeps the process alive; one more around a route that needs a pool of ten connections keeps that
//! route from taking all slots. The same layer around a client bounds what a dependency is asked at
//! a time.
//!
//! # In operation
//!
//! - A limit is of one process. Its right size is what the service can work on at a time while its
//!   answers are still quick: requests a second times seconds for each (Little's law), and some more.
//! - Streams that last, such as watches and events, hold slots for as long. Give them a bulkhead of
//!   their own, with [`ShedLayer::when`].
//! - Waiting needs tokio's timer; without a queue there is none.
//! - Taking and giving back a slot is one compare-and-swap each, without a lock or an allocation. A
//!   request that waits is boxed.
//!
//! # Events and numbers
//!
//! | [`Stats`], [`Event`] | when |
//! |---|---|
//! | `full` | there was neither a slot nor room to wait |
//! | `waited` | no slot came in time |
//! | `evicted` | a place in the queue went to somebody else |
//! | `cpu` | the processors had too much to do |
//! | `left` (numbers alone) | a caller left the queue |
//! | `Adjusted` (an event alone) | an adaptive limit has moved |
//!
//! [`Bulkhead::in_flight`], [`Bulkhead::queued`] and [`Bulkhead::limit`] are for gauges.
//!
//! # Features
//!
//! None. Under the feature `test-util` of tower-ready-core, tokio's paused clock rules all of this.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod adaptive;
mod admission;
mod builder;
mod bulkhead;
mod cpu;
mod error;
mod event;
mod future;
mod gate;
mod health;
mod jitter;
mod layer;
mod line;
mod partition;
mod permit;
mod priority;
mod queue;
mod rejection;
mod service;
mod stats;
mod sync;
mod timer;
mod wait;

pub use self::{
    adaptive::Adaptive,
    builder::BulkheadBuilder,
    bulkhead::Bulkhead,
    cpu::Cpu,
    error::{ConfigError, ConfigErrorKind},
    event::{Event, OnShed, Reason},
    future::{ShedBody, ShedFuture},
    health::is_health_check,
    layer::ShedLayer,
    partition::Partitions,
    permit::Slot,
    priority::Priority,
    queue::Queue,
    rejection::EXHAUSTED,
    service::ShedService,
    stats::Stats,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
