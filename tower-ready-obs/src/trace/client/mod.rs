//! The side that calls.

mod layer;
mod policy;
mod send;
mod service;

pub use self::{
    layer::ClientTraceLayer,
    policy::{ClientTracing, ClientTracingBuilder},
    service::ClientTraceService,
};
