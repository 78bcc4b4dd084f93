//! One process after the other on the same address, without anybody between them who could wait.
//!
//! | how | what it promises |
//! |---|---|
//! | [`inherited`] socket (feature `socket-activation`) | Nobody is refused and nobody is lost: the queue of the kernel belongs to the service manager and outlives each process. |
//! | [`reuse_port`] | The new process listens before the old one leaves, so nobody is refused. Whoever is in the old one's queue in the microseconds between its last look and its `close` is reset, unless `net.ipv4.tcp_migrate_req` is 1 (Linux 5.14). |
//! | bind again | Between the old process and the new one connections are refused: use a balancer that tries another instance. |

#[cfg(all(unix, feature = "socket-activation"))]
mod inherited;
#[cfg(unix)]
mod notify;
mod reuse_port;

#[cfg(all(unix, feature = "socket-activation"))]
pub use self::inherited::{Inherited, inherited};
#[cfg(unix)]
pub use self::notify::SdNotify;
#[cfg(unix)]
pub(crate) use self::notify::watchdog;
#[cfg(unix)]
pub use self::reuse_port::reuse_port;
