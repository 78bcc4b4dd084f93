//! What every layer of [tower-ready] shares, so that a concern is one crate and no more.
//!
//! Without it each layer would guess for itself which protocol a request speaks, box the body of
//! its answers, take the head of an answer for its end, and charge one layer's `503` to the
//! backend. Users of the suite rarely meet this crate; authors of layers start here.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use tower_ready_core::{AnswerBody, AnswerFuture, Protocol};
//!
//! /// A service that answers in place of another while it is closed.
//! fn call<B, F>(request: Request<B>, inner: impl FnOnce(Request<B>) -> F, open: bool) -> AnswerFuture<F> {
//!     if open {
//!         return AnswerFuture::inner(inner(request));
//!     }
//!     let mut answer = Response::new(Bytes::new());
//!     if Protocol::of(&request) == Protocol::Http {
//!         *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
//!     } else {
//!         answer.headers_mut().insert("grpc-status", http::HeaderValue::from_static("14"));
//!     }
//!     AnswerFuture::answer(answer)
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let inner = |_| async { Ok::<_, ()>(Response::new(http_body_util::Full::<Bytes>::default())) };
//! let answer = call(Request::new(()), inner, false).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
//! # });
//! ```
//!
//! # The parts
//!
//! | what | for |
//! |---|---|
//! | [`Protocol`], [`Codec`] | the form in which a caller understands an answer |
//! | [`AnswerBody`], [`AnswerFuture`] | an answer in place of the inner service's, without a box |
//! | [`Guard`], [`GuardedFuture`], [`GuardedBody`], [`End`] | to hear once of the end of an exchange |
//! | [`Verdict`], [`Pending`], [`Outcome`] | what an exchange says about the health of a service |
//! | [`Instant`] | the one clock, which tests can pause |
//! | [`RequestId`], [`TraceId`], [`Deadline`], [`Route`], [`RouteSlot`] | what travels with a request |
//! | [`Head`] | what closures over a request may look at, without its body |
//! | [`LocalRejection`] | the mark on an answer that a layer of ours made |
//! | [`Hurried`] | the mark on an answer whose want of time is nobody's failure |
//! | [`grpc`], [`reason_phrase`] | the tables of the standards |
//!
//! # Rules
//!
//! 1. What travels with a request is one small value for each concern, in `http::Extensions`, or in
//!    a header where the next hop needs it anyway. A shared context was weighed and left: it saves
//!    an allocation from the third value on (three: 5 to 4, five: 8 to 4), but a retry that clones a
//!    request would share the deadline of one attempt with the next.
//! 2. Nothing here boxes, locks or allocates for a request that passes.
//! 3. Nothing here knows a host: there is no tokio, axum, tonic or hyper behind any type.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `test-util` | no | the clock is tokio's, so that `tokio::time::pause` rules it; costs tokio |
//!
//! [tower-ready]: https://github.com/tower-ready/tower-ready

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod answer;
mod called;
mod deadline;
mod exchange;
pub mod grpc;
mod head;
mod hex;
mod lookup;
mod outcome;
mod protocol;
mod rejection;
mod request_id;
mod route;
mod status;
mod time;
mod trace_id;

pub use self::{
    answer::{AnswerBody, AnswerFuture},
    called::called,
    deadline::Deadline,
    exchange::{End, Guard, GuardedBody, GuardedFuture},
    head::Head,
    lookup::lookup,
    outcome::{Hurried, Outcome, Pending, Verdict},
    protocol::{Codec, Protocol},
    rejection::LocalRejection,
    request_id::RequestId,
    route::{Route, RouteSlot},
    status::reason_phrase,
    time::Instant,
    trace_id::TraceId,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
