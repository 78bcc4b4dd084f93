//! Reading on after an early answer.
//!
//! Over HTTP/1 a service may answer before it has read the request: `401`, `413`, `429`. The host
//! then closes the connection, and where bytes of the upload lie unread, the operating system
//! resets it. A client that is still writing, or has not read yet, gets a broken pipe in place of
//! the answer. Reading the rest of a small upload first costs little and delivers every answer.

mod body;
mod future;
mod layer;
mod service;

pub use self::{body::DrainBody, future::DrainFuture, layer::DrainLayer, service::DrainService};
