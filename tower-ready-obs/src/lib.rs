//! What happened, told the same way on every host: RED metrics, trace context, spans, request ids and an access log as Tower layers.

#![warn(clippy::expect_used, clippy::unwrap_used)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
