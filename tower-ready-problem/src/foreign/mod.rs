//! What layers and frameworks of others answer and fail with.

mod answer;
mod error;

#[cfg(feature = "serde")]
pub(crate) use self::answer::{is_media_type, retry_after};
pub(crate) use self::{
    answer::{Foreign, Reading, examine, kept, problem, take_ours},
    error::known_error,
};
