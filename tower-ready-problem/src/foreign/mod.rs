//! What layers and frameworks of others answer and fail with.

mod answer;
mod error;

pub(crate) use self::{
    answer::{Foreign, Reading, examine, kept, problem, take_ours},
    error::known_error,
};
