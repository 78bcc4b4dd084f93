//! The side that calls.

mod layer;
mod policy;
mod service;

pub use self::{
    layer::ClientDeadlineLayer,
    policy::{ClientDeadlines, ClientDeadlinesBuilder},
    service::ClientDeadlineService,
};
