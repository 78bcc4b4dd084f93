//! The kit by which every layer of the suite is proven.
//!
//! A middleware that is right on axum can be wrong on tonic: a bare HTTP 429 reaches a gRPC client
//! as UNAVAILABLE, and a layer that counts correctly behind one router counts once per connection
//! behind another. Such defects show only over a real socket with a real client, so a behaviour is
//! written once and runs on every host:
//!
//! ```
//! # mod tests {
//! use http::StatusCode;
//! use tower_ready_testing::{Call, each_host};
//!
//! each_host! {
//!     /// Whatever a caller speaks, it learns that the route failed.
//!     async fn a_failure_is_understood(host) {
//!         let server = host.serve(tower_layer::Identity::new()).await;
//!         let reply = server.call(Call::fail(StatusCode::CONFLICT, 10, "taken")).await;
//!         reply.assert_rejected(StatusCode::CONFLICT, 10);
//!         assert_eq!(server.hits(), 1);
//!     }
//! }
//! # }
//! ```
//!
//! The pieces, in the order in which a test meets them:
//!
//! - [`each_host!`] makes one test per host: [`Axum`](hosts::Axum), [`Hyper`](hosts::Hyper),
//!   [`Tonic`](hosts::Tonic) and [`TonicInAxum`](hosts::TonicInAxum).
//! - [`Call`] says what the handler behind the layer shall do: answer, fail, panic, wait, stream.
//! - [`Server`] runs it, counts it and holds it at its gate; [`Client`] is one caller.
//! - [`Reply`] and [`Streaming`] are what came back, over HTTP or gRPC.
//!
//! What a layer owes wherever it stands is checked by one line each:
//!
//! - [`contract`] holds it to tower's rules: readiness, wakers, hang-ups, panics, bodies.
//! - [`assert_fits_every_host!`] compiles and runs it in every place that a host has for a layer.
//!
//! And beside the hosts:
//!
//! - [`alloc`] counts allocations, [`logs`] captures `tracing`.
//! - [`redis`] starts a real server, to be paused and killed; [`keys`] has key pairs for tokens.
//!
//! Nothing here sleeps, and there is no clock but tokio's: `tokio::time::pause` works in a test of any
//! host. What has to be waited for is waited for by [`Probe::until`](probe::Probe::until), and a wait
//! that never ends fails after twenty seconds of real time and says what was missing.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test kit reports its own failures by panicking"
)]

mod call;
mod client;
mod each_host;
mod patience;
mod reply;
mod server;

#[cfg(feature = "alloc")]
pub mod alloc;
pub mod contract;
pub mod fits;
pub mod hosts;
pub mod keys;
pub mod logs;
pub mod probe;
#[cfg(feature = "redis")]
pub mod redis;

pub use call::{Call, Route};
pub use client::{Client, InFlight, Streaming};
pub use reply::Reply;
pub use server::{Server, Speaks};

#[doc(hidden)]
pub use tokio as __tokio;
