use std::{io, mem::MaybeUninit, net::SocketAddr, time::Duration};

use socket2::SockRef;
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

/// A listener whose queue can be emptied to the last: tokio's for TCP and for Unix sockets.
pub trait Accept: sealed::Sealed + Send + Sync + Unpin + 'static {
    /// The connections.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The addresses.
    type Addr: Send + 'static;
    /// The listener without its runtime.
    #[doc(hidden)]
    type Queue: Send + Sync + Unpin + 'static;

    #[doc(hidden)]
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Self::Addr)>> + Send;

    #[doc(hidden)]
    fn local_addr(&self) -> io::Result<Self::Addr>;

    #[doc(hidden)]
    fn into_queue(self) -> io::Result<Self::Queue>;

    /// The first in the queue, or `WouldBlock`.
    #[doc(hidden)]
    fn next(queue: &Self::Queue) -> io::Result<(Self::Io, Self::Addr)>;

    #[doc(hidden)]
    fn prepare(io: &Self::Io) {
        let _ = io;
    }

    /// Makes the peer see a break when it is closed, instead of an end.
    #[doc(hidden)]
    fn reset(io: &Self::Io) {
        let _ = io;
    }

    /// Whether something has arrived that nobody has read.
    #[doc(hidden)]
    fn has_bytes(io: &Self::Io) -> bool;

    #[doc(hidden)]
    fn peer(addr: &Self::Addr) -> Option<SocketAddr> {
        let _ = addr;
        None
    }
}

impl Accept for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;
    type Queue = std::net::TcpListener;

    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        Self::accept(self)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn into_queue(self) -> io::Result<std::net::TcpListener> {
        self.into_std()
    }

    fn next(queue: &std::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (io, addr) = queue.accept()?;
        io.set_nonblocking(true)?;
        Ok((TcpStream::from_std(io)?, addr))
    }

    fn prepare(io: &TcpStream) {
        // Else a small answer may wait 40 ms for the acknowledgement of the one before.
        let _ = io.set_nodelay(true);
    }

    fn reset(io: &TcpStream) {
        let _ = SockRef::from(io).set_linger(Some(Duration::ZERO));
    }

    fn has_bytes(io: &TcpStream) -> bool {
        has_bytes(&SockRef::from(io))
    }

    fn peer(addr: &SocketAddr) -> Option<SocketAddr> {
        Some(*addr)
    }
}

#[cfg(unix)]
impl Accept for UnixListener {
    type Io = UnixStream;
    type Addr = tokio::net::unix::SocketAddr;
    type Queue = std::os::unix::net::UnixListener;

    fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, Self::Addr)>> + Send {
        Self::accept(self)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Self::local_addr(self)
    }

    fn into_queue(self) -> io::Result<Self::Queue> {
        self.into_std()
    }

    fn next(queue: &Self::Queue) -> io::Result<(UnixStream, Self::Addr)> {
        let (io, addr) = queue.accept()?;
        io.set_nonblocking(true)?;
        Ok((UnixStream::from_std(io)?, addr.into()))
    }

    fn has_bytes(io: &UnixStream) -> bool {
        has_bytes(&SockRef::from(io))
    }
}

fn has_bytes(socket: &SockRef<'_>) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    socket.peek(&mut byte).is_ok_and(|bytes| bytes > 0)
}

mod sealed {
    #[expect(unnameable_types, reason = "so that nobody else implements it")]
    pub trait Sealed {}

    impl Sealed for tokio::net::TcpListener {}
    #[cfg(unix)]
    impl Sealed for tokio::net::UnixListener {}
}
