//! Leave without losing a request, and tell the truth about health: lifecycle, drain and health checks for services on axum, tonic and hyper.

#![warn(clippy::expect_used, clippy::unwrap_used)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
