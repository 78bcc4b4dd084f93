//! A connection, seen from outside of the protocol that it speaks.

pub(crate) mod current;
mod io;
mod opening;
mod record;
mod scope;
mod since;
mod state;

pub(crate) use self::io::Means;
pub use self::io::TrackedIo;
pub(crate) use self::record::{Boarded, Connection};
pub use self::scope::{OnConnection, OnConnectionFuture};
pub(crate) use self::since::Since;
pub(crate) use self::state::{Ending, Known};
use crate::sync;
