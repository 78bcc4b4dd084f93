//! One small service behind the whole suite, on axum, hyper and tonic, and a tour of it.
//!
//! Start with `stack.rs`: it is what a service copies. The rest is a service that orders teapots,
//! three hosts, and a client that shows what comes back.
//!
//! | file | holds |
//! |---|---|
//! | `stack.rs` | the layers, assembled once for all hosts, with the reason for each place |
//! | `access.rs` | what each route and method asks of its caller |
//! | `upstream/` | the layers around calls to another service |
//! | `orders.rs` | the domain, which knows neither a host nor a layer |
//! | `http/`, `grpc.rs` | what its routes and methods do, on any host |
//! | `telemetry/` | the log, and where a collector is there, spans and metrics |
//! | `host/` | axum, hyper and tonic: how each mounts the stack, starts and ends |
//! | `flags/` | the settings, from flags and the environment |
//! | `credentials/`, `mint.rs` | tokens and API keys to try it with |
//! | `drive/` | many clients at once, under load and while something is broken |
//! | `tour/` | a client that drives the service step by step |

mod access;
mod credentials;
pub mod drive;
mod flags;
mod grpc;
pub mod host;
mod http;
mod listen;
pub mod mint;
mod orders;
mod slow;
mod stack;
mod telemetry;
pub mod tour;
mod upstream;

/// The generated gRPC code of `proto/orders.proto`.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::exhaustive_structs,
    clippy::must_use_candidate,
    reason = "generated code keeps its own style"
)]
pub mod proto {
    include!("proto/orders.v1.rs");

    /// The descriptors of the service, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!("proto/orders.v1.bin");
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
