#![cfg(unix)]

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// How many may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens on an address on which another process of the same user may listen too, if it asks for
/// it in the same way. The kernel spreads new connections over both.
///
/// Start the new process, wait until it is ready, then end the old one. See [the module](crate::handover) for
/// what that promises.
///
/// # Errors
///
/// When the address cannot be listened on: most often since the other process did not ask for it.
pub fn reuse_port(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
