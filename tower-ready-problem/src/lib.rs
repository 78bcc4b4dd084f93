//! Errors that every client understands: RFC 9457 problems over HTTP, and their gRPC, gRPC-Web and
//! Connect forms.
//!
//! Without it a service speaks of its errors in five shapes: a framework's plain text for a body
//! that does not parse, an empty 404, JSON of each handler's own, a closed connection for a panic,
//! and for a gRPC caller an `UNAVAILABLE`, which it retries, where a limiter meant `429`. None of
//! them has an id to ask for, and some show what the database said.
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use http::{Request, StatusCode};
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use tower_ready_problem::{Problem, ProblemLayer, ProblemType};
//!
//! static OUT_OF_STOCK: ProblemType =
//!     ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");
//!
//! async fn order() -> Result<(), Problem> {
//!     Err(Problem::new(&OUT_OF_STOCK).detail("no teapot is left").internal("shelf K-4711 is empty"))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let app = Router::<()>::new().route("/orders", get(order)).layer(ProblemLayer::default());
//!
//! let request = Request::get("/orders").header("x-request-id", "7f3a").body(String::new());
//! let answer = app.oneshot(request.unwrap()).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::CONFLICT);
//! let body = answer.into_body().collect().await.unwrap().to_bytes();
//! assert_eq!(body, r#"{"type":"/problems/out-of-stock","title":"The item is out of stock","status":409,"detail":"no teapot is left","instance":"/orders","code":"OUT_OF_STOCK","request_id":"7f3a"}"#);
//! # });
//! ```
//!
//! The same layer on tonic:
//!
//! ```
//! # use tonic::{service::Routes, transport::{Server, server::Router}};
//! # use tower_ready_problem::ProblemLayer;
//! # fn server(orders: Routes) -> Router<impl tower::Layer<Routes>> {
//! Server::builder().layer(ProblemLayer::default()).add_routes(orders)
//! # }
//! ```
//!
//! and around a service for hyper, here one that fails:
//!
//! ```
//! use std::io;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use hyper_util::service::TowerToHyperService;
//! use tower::ServiceBuilder;
//! use tower_ready_problem::ProblemLayer;
//!
//! async fn handle<B>(_: Request<B>) -> io::Result<Response<Full<Bytes>>> {
//!     Err(io::Error::other("/var/lib/orders is full"))
//! }
//!
//! let service = ServiceBuilder::new().layer(ProblemLayer::default()).service_fn(handle);
//! let service = TowerToHyperService::new(service);
//! # use hyper::service::Service;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # let answer = service.call(Request::new(())).await.unwrap();
//! # assert_eq!(answer.status(), 500);
//! # });
//! ```
//!
//! # Rules
//!
//! 1. Every error becomes a problem: errors and panics of what is inside, in `call`, the future,
//!    the body and `poll_ready`; error answers with plain text or no body; and problems that
//!    something inside answered already, to which the ids are added.
//! 2. An answer in a form of its own is left alone: JSON, HTML, compressed and streamed bodies, 304
//!    and everything below 400. Of an answer that is made anew, every header that is not about the
//!    body is kept.
//! 3. A 5xx never shows what happened. Texts, sources and panic messages go to one
//!    `tracing::error!` with the `error_id` that the body shows.
//! 4. The text of a 4xx, which frameworks write for the caller, becomes the `detail`.
//! 5. Which errors are which problem: your own [maps](ProblemsBuilder::map) first, then what this
//!    crate knows: tower's timeout, load shed and buffer, body limits, hyper, `tonic::Status`. Both
//!    along the whole chain of sources. `?` in a handler that returns [`Problem`] takes any error,
//!    and the same maps apply.
//! 6. `instance` is the path, without its query; `request_id` is that of `x-request-id`, else a new
//!    one, which the answer's header then names too; `trace_id` is that of `traceparent`.
//!
//! # What a caller sees
//!
//! | protocol | answer |
//! |---|---|
//! | HTTP | `application/problem+json`, with the headers that RFC 9110 and 6585 demand of the status |
//! | gRPC | a head alone: `grpc-status`, `grpc-message`, `grpc-status-details-bin` with ErrorInfo, RetryInfo, RequestInfo, BadRequest, QuotaFailure, and `grpc-retry-pushback-ms` |
//! | gRPC-Web | the same as headers, and an empty body |
//! | Connect | its JSON error with the status of its code; for a stream an end-of-stream message |
//!
//! So a layer that knows only HTTP becomes safe in front of gRPC: its bare `429` arrives as
//! `RESOURCE_EXHAUSTED`, with the time to wait.
//!
//! # Its place
//!
//! Outside of all that may fail or reject: deadlines, limits, authentication, the handlers. Inside
//! of compression, since a compressed answer cannot be read; of CORS, whose headers every answer
//! needs; and of request ids, traces and metrics, which then see the final answer.
//!
//! # With a layer of your own
//!
//! Keep the [`Caller`] of a request, and answer it with [`Problem::answer`]: that is right for every
//! protocol, with or without a [`ProblemLayer`] outside.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tower` | yes | knows the errors of tower's timeout, load shed and buffer |
//! | `tracing` | yes | logs what answers hide, target `tower_ready_problem`, level `ERROR` |
//! | `axum` | no | `Problem: IntoResponse`; costs axum-core |
//! | `tonic` | no | `Problem` to and from `tonic::Status`, and `ProblemDetails` read from one; costs tonic without transport |
//! | `hyper` | no | knows hyper's errors |
//! | `serde` | no | extension members of any shape, and `ProblemDetails` read from answers and JSON; costs serde and serde_json |
//! | `utoipa` | no | the schema of `Problem`, and `ProblemResponses` for an OpenAPI document; costs utoipa and serde_json |
//! | `drain` | no | `DrainLayer`, which reads on after an early answer, so that HTTP/1 clients get it; costs tokio's timer |

#![warn(clippy::expect_used, clippy::unwrap_used)]

#[cfg(feature = "axum")]
mod axum;
mod body;
mod builder;
mod caller;
#[cfg(feature = "drain")]
mod drain;
mod error;
mod few;
mod foreign;
mod future;
mod json;
mod layer;
mod name;
#[cfg(feature = "utoipa")]
mod openapi;
mod pages;
mod panic;
mod problem;
mod problem_type;
mod problems;
#[cfg(any(feature = "serde", feature = "tonic"))]
mod received;
mod render;
mod service;
#[cfg(feature = "tonic")]
mod tonic;
pub mod types;
mod value;

pub use tower_ready_core::grpc;

#[cfg(feature = "drain")]
pub use self::drain::{DrainBody, DrainFuture, DrainLayer, DrainService};
#[cfg(feature = "utoipa")]
pub use self::openapi::ProblemResponses;
#[cfg(any(feature = "serde", feature = "tonic"))]
pub use self::received::{Fault, ProblemDetails};
pub use self::{
    body::ProblemBody,
    builder::{ConfigError, ConfigErrorKind, ProblemsBuilder},
    caller::Caller,
    future::ProblemFuture,
    layer::ProblemLayer,
    pages::ProblemPages,
    problem::Problem,
    problem_type::ProblemType,
    problems::{ProblemEvent, Problems},
    service::ProblemService,
    value::Value,
};
#[cfg(feature = "serde")]
pub use self::{received::ReadError, value::JsonText};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
