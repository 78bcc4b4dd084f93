//! The end of an exchange, which is not the head of its answer.
//!
//! A response head says how an answer begins. Whether it was right to its end is known when its
//! body ends: a gRPC status comes in the trailers, a stream can break, a client can go away.
//! Whoever counts, measures or holds a permit has to wait for that, and must hear it exactly once.

mod body;
mod end;
mod future;
mod guard;

pub use self::{body::GuardedBody, end::End, future::GuardedFuture, guard::Guard};
