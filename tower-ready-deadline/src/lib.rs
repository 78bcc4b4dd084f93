//! How long a request may take, on every hop: timeouts and deadlines for servers and clients, over
//! HTTP, gRPC, gRPC-Web and Connect.
//!
//! Without it nobody knows when an answer has become worthless. A caller gives up after a second,
//! and a chain of services works on for a minute; a query hangs, and with it a handler for each of
//! its callers until there are none left. A timeout of tower's own fails with an error that axum
//! does not take; tonic's says `CANCELLED` where gRPC means `DEADLINE_EXCEEDED`; and both forget
//! the rest of the answer once its head is out, and tell the next hop nothing.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_ready_deadline::Deadlines;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let deadlines = Deadlines::builder().timeout(Duration::from_secs(5)).build().unwrap();
//! let app = Router::<()>::new()
//!     .route("/orders", get(std::future::pending::<()>))
//!     .layer(deadlines.layer());
//!
//! let request = Request::get("/orders").header("x-request-timeout-ms", "300");
//! let answer = app.oneshot(request.body(String::new()).unwrap()).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
//! assert_eq!(deadlines.stats().expired, 1);
//! # });
//! ```
//!
//! A handler gives what is left to a query, and to a client:
//!
//! ```
//! use tower_ready_deadline::{ClientDeadlines, Deadline, DeadlineExt, Expired};
//!
//! async fn order(deadline: Deadline) -> Result<&'static str, Expired> {
//!     deadline.run(async { "from the database" }).await
//! }
//!
//! // Around any client; it finds the deadline in the extensions of its request, or as the current.
//! let layer = ClientDeadlines::builder().build()?.layer();
//! # use tower_ready_core::Instant;
//! # let soon = Deadline::at(Instant::now() + std::time::Duration::from_secs(60));
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
//! # assert_eq!(runtime.block_on(order(soon)).unwrap(), "from the database");
//! # Ok::<(), tower_ready_deadline::ConfigError>(())
//! ```
//!
//! # Rules of the server's layer
//!
//! 1. A request has the time that its caller asked for, at most the [cap](DeadlinesBuilder::cap),
//!    else the [timeout](DeadlinesBuilder::timeout). A [route](DeadlinesBuilder::timeout_for) may
//!    have a time of its own in place of both. A [`Deadline`] that is in the extensions already is
//!    never lengthened.
//! 2. Callers ask in `grpc-timeout`, `connect-timeout-ms`, `x-envoy-expected-rq-timeout-ms` and
//!    `x-request-timeout-ms`; the shortest counts. A header that makes no sense, or comes twice,
//!    counts for nothing and is counted in [`Stats::junk`].
//! 3. What a caller asks for is cut by a [margin](DeadlinesBuilder::margin), so that the answer
//!    reaches it before it gives up.
//! 4. Who comes with a deadline that has passed, or with less than the
//!    [floor](DeadlinesBuilder::floor), is answered at once, and nothing is begun.
//! 5. When time is up the work is dropped, and then the caller is answered.
//! 6. The deadline covers the bodies of streams over gRPC, gRPC-Web and Connect; of other answers
//!    the head, unless [`http_bodies`](DeadlinesBuilder::http_bodies) says more. A body may be ended
//!    for being [idle](DeadlinesBuilder::idle) too.
//! 7. Requests whose own bodies stall are ended by a layer for [uploads](Deadlines::uploads), however
//!    long the whole of them may take.
//! 8. [Exempt](DeadlinesBuilder::exempt) requests have no time limit but the one that their caller
//!    names.
//! 9. Handlers find the deadline in the [extensions](DeadlinesBuilder::extension) of the request or
//!    as the [`current`] one of the task.
//!
//! # Rules of the client's layer
//!
//! 1. A call has until the earliest of: the deadline in its extensions; the [`current`] one; what its
//!    own header says; the [attempt](ClientDeadlinesBuilder::attempt). It never lengthens, and what
//!    is called inside of it, again or anew, has no longer.
//! 2. The server is told what is left less a [margin](ClientDeadlinesBuilder::margin), in the header
//!    of the protocol, rounded down.
//! 3. When nothing is left, the call is not made.
//!
//! # What a caller sees
//!
//! | protocol | before the head | in the body |
//! |---|---|---|
//! | HTTP | 504, the problem `timeout` | it breaks off, if it is covered |
//! | gRPC | `DEADLINE_EXCEEDED`, a head alone | the trailers of `DEADLINE_EXCEEDED` |
//! | gRPC-Web | the same as headers | its frame of trailers |
//! | Connect | `deadline_exceeded`, with 504 | for streams, its last message |
//!
//! An upload that stalls is answered with 408, the problem [`upload-stalled`](UPLOAD_STALLED), or over gRPC with
//! `DEADLINE_EXCEEDED`.
//!
//! Answers to work that was not begun carry the mark of a [local
//! rejection](tower_ready_core::LocalRejection), `deadline` and `spent`. Those to work that took too
//! long carry none: a breaker has to hear of a server that does not answer. Unless a client gave it less
//! than an [attempt](ClientDeadlinesBuilder::attempt), since its own caller was in a hurry: that says
//! nothing of the server, and carries `deadline` and `hurried`. An answer whose body may yet run out of
//! such time carries [`Hurried`](tower_ready_core::Hurried).
//!
//! # Its place
//!
//! On a server inside of what observes and of `ProblemLayer`, and outside of all that costs time:
//! shedding, limits, authentication, handlers; the layer for uploads next to the handlers. On a client once around a retry layer for the whole,
//! and once inside of it and of a breaker with an [attempt](ClientDeadlinesBuilder::attempt).
//!
//! # In operation
//!
//! - It needs tokio's timer: `enable_time` or `enable_all` on a runtime that you build yourself. The
//!   timer is registered when the first poll of an answer is pending, so an answer that is there at
//!   once costs none.
//! - Dropping a future stops async code at its next await. It stops neither `spawn_blocking` nor a
//!   query that the database has begun: give those what is left, `statement_timeout` for one.
//! - What has to go on when the caller is gone belongs into a task of its own.
//! - tonic's server and channel have timers for `grpc-timeout` themselves, which say `CANCELLED`.
//!   The margins let ours come first. Leave `Server::timeout` and `Endpoint::timeout` unset.
//! - A gRPC stream that may last, such as a watch, has to be exempt on the server.
//! - Deadlines travel as what is left and not as a date, so clocks need not agree; what a request
//!   spends on the wire is the business of the margin.
//!
//! # Events and numbers
//!
//! | [`Stats`] | [`Event`] | when |
//! |---|---|---|
//! | `expired` | `Expired`, phase `head` | no answer came in time |
//! | `cut` | `Expired`, phase `body`, reason `deadline` | an answer was not over in time |
//! | `idle` | `Expired`, phase `body`, reason `idle` | a body fell silent |
//! | `stalled` | `Expired`, phase `request`, reason `idle` | an upload stalled |
//! | `spent` | `Spent` | too little was left to begin |
//! | `junk` | `Junk` | a header made no sense |
//!
//! # Features
//!
//! None. Under the feature `test-util` of tower-ready-core, tokio's paused clock rules all of this.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod body;
mod builder;
mod client;
mod current;
mod deadlines;
mod error;
mod event;
mod future;
mod header;
mod layer;
mod messages;
mod run;
mod service;
mod stats;
mod timer;
mod upload;
mod watch;

pub use tower_ready_core::Deadline;

pub use self::{
    body::DeadlineBody,
    builder::DeadlinesBuilder,
    client::{ClientDeadlineLayer, ClientDeadlineService, ClientDeadlines, ClientDeadlinesBuilder},
    current::current,
    deadlines::Deadlines,
    error::{ConfigError, ConfigErrorKind},
    event::{Event, OnDeadline, Phase, Reason},
    future::DeadlineFuture,
    layer::DeadlineLayer,
    run::{DeadlineExt, Expired, Run},
    service::DeadlineService,
    stats::Stats,
    upload::{UPLOAD_STALLED, UploadBody, UploadFuture, UploadLayer, UploadService},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
