//! What callers may do.

mod future;
mod layer;
#[expect(clippy::module_inception, reason = "named by what it is")]
mod policy;
mod rule;
mod service;
mod table;

pub use self::{
    future::PolicyFuture,
    layer::PolicyLayer,
    policy::Policy,
    service::PolicyService,
    table::{PolicyTable, PolicyTableBuilder},
};
