//! The numbers themselves: series that are resolved once and counted without a lock.

pub(crate) mod bounds;
mod entry;
pub(crate) mod exemplar;
mod hash;
pub(crate) mod histogram;
pub(crate) mod key;
pub(crate) mod lanes;
pub(crate) mod names;
pub(crate) mod native;
pub(crate) mod table;
pub(crate) use self::entry::{Series, Shape};
