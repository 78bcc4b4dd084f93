use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// The connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens on an address, which a restart may take again at once: connections of the process before
/// may still be in `TIME_WAIT`.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // On Windows the same option lets two processes listen at once.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
