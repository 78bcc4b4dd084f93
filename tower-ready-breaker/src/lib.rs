//! A circuit breaker that is right to the end of the body: a Tower layer for HTTP and gRPC, and a
//! handle for any other call.
//!
//! Without it one dead dependency takes the service along: every request waits for the same timeout,
//! holds a connection and a task while it does, and the dependency gets no rest to recover in. A
//! breaker that is almost right is little better. One that takes the head of an answer for its end
//! never sees a stream that breaks or a gRPC status. One that listens to late answers closes on the
//! success of a call from before. One that ignores calls that were given up is blind behind a
//! timeout. One whose probe was lost stays open for ever.
//!
//! Around a client, with one circuit for each host:
//!
//! ```
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http::{Request, StatusCode};
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{Layer, Service, ServiceExt};
//! use tower_ready_breaker::{Breaker, State, by_authority};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let breaker = Breaker::builder("upstream").consecutive_failures(3).build_keyed(by_authority)?;
//! let mut client = breaker.layer().layer(Client::builder(TokioExecutor::new()).build_http());
//!
//! # let socket = tokio::net::TcpSocket::new_v4()?; // bound, so that nobody else gets the port
//! # socket.bind("127.0.0.1:0".parse()?)?;
//! # let port = socket.local_addr()?.port();
//! let host = format!("127.0.0.1:{port}"); // where nobody listens
//! let request = || Request::get(format!("http://{host}/orders")).body(Full::<Bytes>::default());
//! for _ in 0..3 {
//!     assert!(client.ready().await?.call(request()?).await.is_err());
//! }
//! let answer = client.ready().await?.call(request()?).await?;
//! assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert!(answer.headers().contains_key("retry-after"));
//! assert_eq!(breaker.key(&host).state(), State::Open);
//! # Ok(())
//! # }
//! ```
//!
//! Around whatever else is a future of a result, in a handler of a server:
//!
//! ```
//! use tower_ready_breaker::{Breaker, BreakerError};
//! use tower_ready_problem::Problem;
//!
//! # async fn query() -> Result<u64, std::io::Error> { Ok(42) }
//! async fn count(orders_db: Breaker) -> Result<String, Problem> {
//!     match orders_db.run(query()).await {
//!         Ok(count) => Ok(count.to_string()),
//!         Err(BreakerError::Rejected(rejected)) => Err(rejected.problem()), // 503, Retry-After
//!         Err(BreakerError::Inner(error)) => Err(error.into()),
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let breaker = Breaker::builder("orders-db").build().unwrap();
//! assert_eq!(count(breaker.clone()).await.unwrap(), "42");
//! breaker.force_open();
//! assert_eq!(count(breaker).await.unwrap_err().http_status(), 503);
//! # });
//! ```
//!
//! Around one service: `breaker.layer()`; around one whose answers are not HTTP: [`CallLayer`]; with
//! another to turn to: [`Breaker::fallback_to`]; around each of several: [`PerServiceLayer`].
//!
//! # Rules
//!
//! 1. A closed circuit lets everything through. It opens when half of the calls of the last ten
//!    seconds failed, and there were at least twenty; by failures in a row, by slow calls, or by a
//!    [rule of your own](TripPolicy), if asked to. A success never opens it.
//! 2. An open circuit lets nothing through, for 5 s at first and twice as long each time, up to 5
//!    min, with jitter; or for as long as the `Retry-After` or pushback of the failure says, up to
//!    60 s. After a whole window without an opening it starts over with 5 s.
//! 3. Then it is half-open: one call at a time is let through, and three successes close it. A
//!    failure, a slow success or a `429` opens it again. A probe has a lease of 10 s: one that is not
//!    back by then has failed, and one that was dropped gives its place back.
//! 4. A call counts in the state that let it through. What comes later changes nothing, and is
//!    counted as stale.
//! 5. HTTP: 5xx is a failure, but for 501 and 505, which show a peer that is well, as every 4xx
//!    does. gRPC: `UNAVAILABLE`, `INTERNAL`, `UNKNOWN`, `DEADLINE_EXCEEDED`, `DATA_LOSS`, and a
//!    stream without a code. An error or a panic of the service or of its body is a failure. `429`
//!    and `RESOURCE_EXHAUSTED` say nothing unless asked to. What a layer of ours rejected further
//!    in says nothing either.
//! 6. A bad head counts at once, a good one when its body has ended. A client that leaves in the
//!    middle of a body says nothing. A stream that goes on for 5 s has succeeded, whatever comes
//!    later; that of a probe is not waited for longer. So read bodies to their end, also those you
//!    have no use for; where that cannot be, let [`classify`](BreakerBuilder::classify) say that a
//!    good head is enough.
//! 7. A call that was given up before its answer says nothing if that was soon. After a second it
//!    is a failure, else a timeout further out would hide a dead peer; so it is when its
//!    [`Deadline`](tower_ready_core::Deadline) has passed. See
//!    [`abandon_after`](BreakerBuilder::abandon_after). That most calls are given up sooner is
//!    logged once.
//! 8. [`BreakerService`] is ready at once when the circuit lets nothing through, and the inner
//!    service is then not even asked; who waits for it is woken when the circuit opens. It never
//!    fails by itself; an error of the inner service's readiness is a failure, and is passed on.
//! 9. A circuit has no task and no timer: it is tried by the first call that comes when its time is
//!    over.
//!
//! # What a caller sees
//!
//! | protocol | answer |
//! |---|---|
//! | HTTP | `503` with `Retry-After`, and the problem `circuit-open` |
//! | gRPC | `UNAVAILABLE` with `grpc-retry-pushback-ms` and RetryInfo |
//! | gRPC-Web, Connect | their forms of the same |
//!
//! Or what [`fallback`](BreakerBuilder::fallback) says. The answer carries a
//! [`LocalRejection`](tower_ready_core::LocalRejection) by `breaker`, so no breaker, retry or metric
//! further out takes it for the peer's.
//!
//! # Its place
//!
//! On a client, outside in: the total deadline, retry, the breaker, the timeout of an attempt, the
//! transport. Each attempt passes the breaker, and a rejected one is not worth another. With the
//! feature `retry` that is three lines:
//!
//! ```
//! # #[cfg(feature = "retry")] {
//! # use std::time::Duration;
//! # use bytes::Bytes;
//! # use http_body_util::Full;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! # use tower::ServiceBuilder;
//! # use tower_ready_breaker::{Breaker, RetryPolicy, by_authority};
//! # let breaker = Breaker::builder("upstream").build_keyed(by_authority).unwrap();
//! let client = ServiceBuilder::new()
//!     .retry(RetryPolicy::new(2))
//!     .layer(breaker.layer())
//!     .timeout(Duration::from_secs(1))
//!     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
//! # }
//! ```
//!
//! On a server: around each dependency, not around the router. A breaker around all routes lets one
//! bad route shut the others; if it has to be there, key it [by route](by_route).
//!
//! # Under a balancer
//!
//! An endpoint that rejects at once looks like the fastest of all. With the feature `gate`,
//! `Breaker::gate` makes a layer that is not ready instead, until the circuit may be tried, so that
//! `tower::balance` goes elsewhere.
//!
//! # What it keeps
//!
//! The state is in the [`Breaker`], which is a handle: clones and layers share it, however often a
//! host applies the layer. State is of one process. Two instances of a service may well disagree
//! about a dependency, since the network between may be what is broken;
//! [`suspect`](Breaker::suspect) lets one hear of what another has found without being shut by it.
//!
//! A closed circuit takes no lock and allocates nothing. Threads count in stripes of their own.
//!
//! # Events
//!
//! A task may [subscribe](Breaker::subscribe) to the states of a breaker, and a [`Registry`] shows
//! all of them, to the program and to operators. [`on_event`](BreakerBuilder::on_event) hears of each
//! [`Change`], and with the feature `tracing`
//! so do subscribers, target `tower_ready_breaker`: `circuit opened` and `circuit did not open` at
//! `WARN`, `circuit changed` at `INFO`, with `breaker`, `key`, `reason` and `change`; and `calls are
//! given up before they count` at `WARN`, when a timeout around the breaker is shorter than its
//! `abandon_after`. What is counted is in the [`Snapshot`].
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tracing` | yes | one event for each change of state, and that warning; costs tracing |
//! | `gate` | no | a layer that waits instead of rejecting; costs tokio's timer |
//! | `retry` | no | a policy for `tower::retry`; costs tower and tokio's timer |
//! | `failsafe` | no | the failure policies of failsafe as rules; costs failsafe |

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod breaker;
mod builder;
mod call;
mod changes;
mod circuit;
mod classify;
mod contained;
mod door;
mod error;
mod event;
#[cfg(feature = "failsafe")]
mod failsafe;
mod fallback;
#[cfg(feature = "gate")]
mod gate;
mod guard;
mod hint;
mod keyed;
mod layer;
mod orders;
mod parked;
mod per_service;
mod permit;
mod pins;
mod policy;
mod registry;
mod rejection;
#[cfg(feature = "retry")]
mod retry;
mod run;
mod service;
mod snapshot;
mod sync;
mod trip;

#[cfg(feature = "failsafe")]
pub use self::failsafe::FailsafePolicy;
#[cfg(feature = "gate")]
pub use self::gate::{GateLayer, GateService};
#[cfg(feature = "retry")]
pub use self::retry::{RetryPolicy, RetryWait};
pub use self::{
    breaker::Breaker,
    builder::BreakerBuilder,
    call::{CallFuture, CallLayer, CallService},
    changes::Changes,
    circuit::{Backoff, Counts, Reason},
    classify::{Answer, Classify},
    error::{BreakerError, ConfigError, ConfigErrorKind},
    event::{Change, Event, OnBreaker},
    fallback::{FallbackFuture, FallbackLayer, FallbackService},
    guard::Watch,
    keyed::{KeyedBreaker, KeyedBreakerLayer, KeyedBreakerService, by_authority, by_route},
    layer::BreakerLayer,
    per_service::PerServiceLayer,
    permit::Permit,
    registry::{AdminService, Listed, Registry},
    rejection::{CIRCUIT_OPEN, Fallback, Rejected, RejectedKind},
    run::Run,
    service::{BreakerBody, BreakerFuture, BreakerService},
    snapshot::{Snapshot, State},
    trip::{Sample, Trip, TripPolicy},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
