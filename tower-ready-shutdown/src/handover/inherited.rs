use std::{fmt, io};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

/// The sockets that a service manager handed to this process.
pub struct Inherited(ListenFd);

/// Takes the sockets that a service manager listens on for us: `LISTEN_FDS` and `LISTEN_PID`, as
/// `systemd.socket(5)` and systemfd set them. They are taken once; there are none afterwards.
///
/// ```no_run
/// use tokio::net::TcpListener;
/// use tower_ready_shutdown::{Lifecycle, handover::inherited};
///
/// # async fn main_(lifecycle: Lifecycle, app: axum::Router) -> std::io::Result<()> {
/// let server = lifecycle.server();
/// match inherited().tcp(0)? {
///     // Who waits in its queue is left to the process after us.
///     Some(listener) => server.shared(true).serve(listener, app).await,
///     None => server.serve(TcpListener::bind("127.0.0.1:3000").await?, app).await,
/// }
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn inherited() -> Inherited {
    Inherited(ListenFd::from_env())
}

impl Inherited {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The socket at this place, in the order of the unit's `ListenStream` lines from 0 on.
    ///
    /// # Errors
    ///
    /// When it is no listening TCP socket.
    pub fn tcp(&mut self, place: usize) -> io::Result<Option<TcpListener>> {
        let Some(listener) = self.0.take_tcp_listener(place)? else {
            return Ok(None);
        };
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Some)
    }

    /// The same of a Unix socket.
    ///
    /// # Errors
    ///
    /// When it is no listening Unix socket.
    pub fn unix(&mut self, place: usize) -> io::Result<Option<UnixListener>> {
        let Some(listener) = self.0.take_unix_listener(place)? else {
            return Ok(None);
        };
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Some)
    }
}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inherited").field("len", &self.len()).finish()
    }
}
