//! A circuit that holds its callers instead of rejecting them.

mod layer;
mod service;

pub use self::{layer::GateLayer, service::GateService};
