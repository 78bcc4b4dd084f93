//! A line for each request.

mod access_log;
mod builder;
mod line;
pub(crate) mod text;

pub(crate) use self::line::Noted;
pub use self::{access_log::AccessLog, builder::AccessLogBuilder};
