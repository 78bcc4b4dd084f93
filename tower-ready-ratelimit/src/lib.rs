//! Rate limiting as a Tower layer: exact token buckets, several policies at once, right answers over
//! HTTP and gRPC, bounded memory.
//!
//! Without it one caller takes what was meant for all. With a limiter that is only nearly right, the
//! limit is multiplied by routes and connections, since a layer is applied once for each; a caller
//! picks its own key by a header that nobody checked; a gRPC client takes a bare `429` for
//! `UNAVAILABLE` and storms; refusals cost more than answers; and every address that ever called
//! stays in memory.
//!
//! ```
//! use axum::{Router, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_ready_ratelimit::{Policy, Quota, RateLimiter, key};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let api_key = key::header(http::HeaderName::from_static("x-api-key"));
//! let limiter = RateLimiter::builder()
//!     .policy(Policy::new("caller", Quota::per_minute(60).burst(2)).key(api_key))
//!     .build()?;
//! let app = Router::<()>::new().route("/", get(|| async { "ok" })).layer(limiter.layer());
//!
//! let call = || Request::get("/").header("x-api-key", "k-1").body(String::new()).unwrap();
//! let answer = app.clone().oneshot(call()).await.unwrap();
//! assert_eq!(answer.headers()["ratelimit-policy"], r#""caller";q=60;w=60;tr-burst=2"#);
//! assert_eq!(answer.headers()["ratelimit"], r#""caller";r=1;t=1"#);
//! app.clone().oneshot(call()).await.unwrap();
//! let answer = app.oneshot(call()).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(answer.headers()["retry-after"], "1");
//! # Ok::<(), tower_ready_ratelimit::ConfigError>(())
//! # }).unwrap();
//! ```
//!
//! The same layer goes onto a tonic server, `Server::builder().layer(limiter.layer())`, and around a
//! service for hyper, `limiter.layer().layer(service)`.
//!
//! # Rules
//!
//! 1. A [`Quota`] is n units for each period, exactly: three a second are one each 333,333,333⅓ ns.
//!    In any window no more passes than the burst and what the rate earns in it.
//! 2. A request passes when every [`Policy`] that applies to it has enough, and only then takes from
//!    any. Nothing is debited for a request that is refused.
//! 3. After the time that a refusal names, the same request passes, if nobody else takes. What costs
//!    more than the burst never passes, and is told no time.
//! 4. State belongs to the [`RateLimiter`]. Clones and layers share it, however often a host applies
//!    them.
//! 5. Keys come from the [peer's address](key::Address) or that behind proxies you name, from
//!    headers, from what another layer left in the extensions, or from a closure. A request without
//!    one gets a chosen [answer](Missing), by default a bucket that all such requests share.
//! 6. Only a keyed 128-bit hash of a key is made, and 39 bits of it kept beside its place.
//! 7. [Memory](MemoryStore) is fixed: 24 bytes for each of the keys that it is made for, a million by
//!    default. What is full again is free; nothing sweeps. When too many keys are active at once,
//!    they share buckets, and still no more passes than the quota.
//! 8. What only the answer tells is settled when its body ends: [permits](Policy::concurrent),
//!    [answers that do not count](Policy::counts), [true costs](Policy::settle).
//! 9. A request that passes costs no allocation, and one with fields; nothing waits for a lock but
//!    for the few nanoseconds in which another thread writes an entry in the same 128 bytes.
//!
//! # What a caller sees
//!
//! | | HTTP | gRPC |
//! |---|---|---|
//! | passed | `RateLimit-Policy` and `RateLimit` (draft 11; other [forms](Fields) to choose) | the same, as metadata |
//! | refused | `429` problem `quota-exceeded` with `violated-policies`, `Retry-After` | `RESOURCE_EXHAUSTED` with RetryInfo, QuotaFailure, `grpc-retry-pushback-ms` |
//! | no key, with [`Missing::Refuse`] | `400` problem `malformed-request` | `INVALID_ARGUMENT` |
//! | the store failed | `503` problem `unavailable` | `UNAVAILABLE` |
//!
//! gRPC-Web and Connect callers are answered in their forms. Times are rounded up, and `Retry-After`
//! is never earlier than the fields say. `RateLimit` tells `r` and `t` so that `r` in `t` seconds is
//! no more than the rate: who paces itself by them is not refused. The draft may still change; until
//! it is an RFC each of its forms here keeps its number.
//!
//! # Its place
//!
//! By address: outside of authentication, which a flood would otherwise keep busy. By principal and
//! plan: inside of it. Both inside of [`tower_ready_problem::ProblemLayer`], request ids, traces and
//! metrics. On axum put all of it into one `ServiceBuilder` and one `.layer`.
//!
//! # Deployment
//!
//! - The store in memory counts for one process. N instances that each hold the whole quota admit N
//!   times as much: share a store over Redis (`store::redis`, behind the feature `redis`), or divide
//!   the quota.
//! - axum tells the peer's address only with `into_make_service_with_connect_info::<SocketAddr>()`,
//!   and `key::Address::axum` looks for it there. Where nobody left an address, all requests share
//!   one bucket, and [`Stats::missing`] counts them.
//! - [Trust](key::Address::trust) the proxies that you run, by their addresses. Count
//!   [hops](key::Address::hops) only where nobody can come around them.
//! - A bucket needs time, not memory, to forget: a quota a day keeps its keys for up to a day.
//! - Begin with [`Policy::shadow`], and read [`RateLimiter::stats`] before you refuse anybody.
//!
//! # Events
//!
//! | event | when |
//! |---|---|
//! | [`Event::Refused`] | a policy refused, or would have in shadow mode; with a [`Reason`] and the key's tag |
//! | [`Event::Missing`] | a request was refused for want of a key |
//! | [`Event::StoreFailed`] | a request was refused because the store could not be asked |
//! | [`Event::Degraded`] | a request passed without the store, as [`OnStoreError`] says |
//! | [`Event::Swapped`] | a quota was swapped |
//!
//! That a request passed is only counted: [`Stats`].
//!
//! # What it costs
//!
//! Beyond a no-op service, by `cargo xtask bench ratelimit`: instructions as callgrind counts
//! them, and allocations. Beside it tower_governor 0.8 in the same run.
//!
//! | | here | tower_governor |
//! |---|---|---|
//! | passed, by header | 909, none | 1,090, 1 |
//! | passed, by header, with fields | 3,741, 3 of which 2 are the answer's first header map | 5,143, 9 |
//! | refused over HTTP, a problem body, the request has an id | 7,455, 9 | 5,434, 11, and a new clock: 14.5 µs in a virtual machine |
//! | memory for each key | 24 bytes, taken once | grows |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `axum` | no | `key::Address::axum`; costs axum without its default features |
//! | `tonic` | no | `key::Address::tonic`; costs tonic with its server |
//! | `governor` | no | `From<governor::Quota>` and `GovernorStore`; costs governor with dashmap and quanta |
//! | `tracing` | no | `LogRefusals`; costs tracing |
//! | `redis` | no | `store::redis`: limits that instances share; costs redis-rs and tokio's runtime |
//! | `redis-tls` | no | `rediss://`; costs rustls with aws-lc-rs |
//! | `delay` | no | `Policy::delay`; costs tokio's timer and semaphore |
//! | `client` | no | `client::Pace` for outgoing calls; costs tokio's timer and semaphore, and httpdate |
//! | `test-util` | no | the clock is tokio's, so that `tokio::time::pause` rules it |

#![cfg_attr(not(test), warn(clippy::expect_used, clippy::unwrap_used))]

mod after;
mod answer;
mod builder;
mod cell;
#[cfg(feature = "client")]
pub mod client;
mod decide;
mod decision;
#[cfg(feature = "delay")]
mod delay;
mod error;
mod event;
mod fields;
mod future;
mod gcra;
#[cfg(feature = "governor")]
mod governor;
mod hash;
pub mod key;
mod layer;
mod limiter;
#[cfg(any(feature = "client", feature = "delay"))]
mod line;
#[cfg(feature = "tracing")]
mod log;
mod penalty;
mod permits;
mod plan;
mod policy;
mod quota;
mod rule;
mod service;
mod stats;
pub mod store;
mod sync;

pub use tower_ready_core::Head;

pub use self::{
    after::Ending,
    answer::{Answer, Usage},
    builder::RateLimiterBuilder,
    decision::{Decision, Standing},
    error::{ConfigError, ConfigErrorKind, QuotaError},
    event::{Event, OnRateLimit, Reason},
    fields::Fields,
    future::{RateLimitBody, RateLimitFuture},
    gcra::Level,
    hash::{KeyHash, KeyTag, Secret},
    layer::RateLimitLayer,
    limiter::{Bucket, RateLimiter},
    penalty::Penalty,
    plan::{CachedPlans, Fetch, Planned, Plans},
    policy::{Missing, OnStoreError, Policy, Settle},
    quota::Quota,
    service::RateLimitService,
    stats::Stats,
    store::MemoryStore,
};

#[cfg(feature = "governor")]
pub use self::governor::{Governed, GovernorStore};
#[cfg(feature = "tracing")]
pub use self::log::LogRefusals;

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
