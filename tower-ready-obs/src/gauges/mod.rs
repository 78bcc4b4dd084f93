//! Numbers of the process that the layers run in.

mod build_info;
mod process;
#[cfg(feature = "tokio")]
mod runtime;
