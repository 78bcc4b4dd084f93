//! Problems that others sent, on the side of the client.

mod details;
#[cfg(feature = "serde")]
mod json;
#[cfg(feature = "tonic")]
mod protobuf;
#[cfg(feature = "serde")]
mod response;
#[cfg(feature = "tonic")]
mod rpc_status;
#[cfg(feature = "tonic")]
mod status;

pub use self::details::{Fault, ProblemDetails};
#[cfg(feature = "serde")]
pub use self::json::ReadError;
