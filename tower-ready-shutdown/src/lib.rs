//! Leave without losing a request, and tell the truth about health: lifecycle, drain and health checks for services on axum, tonic and hyper.

#![warn(clippy::expect_used, clippy::unwrap_used)]

mod gate;
pub mod health;
mod lifecycle;
mod phase;
mod phases;
mod traffic;

pub use self::{gate::Gate, lifecycle::Lifecycle, phase::Phase, phases::Phases};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
