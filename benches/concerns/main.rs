//! `cargo bench -p tower-ready-benches`: see the documentation of the library.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench reports its own failures by panicking"
)]

mod auth;
mod breaker;
mod core;
mod deadline;
mod metrics;
mod problem;
mod ratelimit;
mod requests;
mod scaling;
mod shed;
mod shutdown;
mod stack;
#[path = "../stacks/mod.rs"]
mod stacks;
mod trace;

fn main() {
    tower_ready_benches::main(&[
        ("auth", auth::cases),
        ("breaker", breaker::cases),
        ("core", core::cases),
        ("deadline", deadline::cases),
        ("metrics", metrics::cases),
        ("problem", problem::cases),
        ("ratelimit", ratelimit::cases),
        ("scaling", scaling::cases),
        ("shed", shed::cases),
        ("shutdown", shutdown::cases),
        ("stack", stack::cases),
        ("trace", trace::cases),
    ]);
}
