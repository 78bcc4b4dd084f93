//! A layer's own answer in place of the inner service's.

mod body;
mod future;

pub use self::{body::AnswerBody, future::AnswerFuture};
