//! Another service in place of one whose circuit lets nothing through.

mod future;
mod layer;
mod service;

pub use self::{future::FallbackFuture, layer::FallbackLayer, service::FallbackService};
