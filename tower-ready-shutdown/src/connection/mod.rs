//! A connection, seen from outside of the protocol that it speaks.

pub(crate) mod current;
mod farewell;
mod frame;
mod io;
mod leftover;
mod opening;
mod record;
mod scope;
mod since;
mod state;

#[cfg(feature = "hyper")]
pub(crate) use self::farewell::Farewell;
pub(crate) use self::io::Means;
pub use self::io::TrackedIo;
pub(crate) use self::record::{Boarded, Connection};
pub use self::scope::{OnConnection, OnConnectionFuture};
pub(crate) use self::since::Since;
pub(crate) use self::state::{Ending, Known};
use crate::sync;
