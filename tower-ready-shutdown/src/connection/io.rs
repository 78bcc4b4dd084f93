use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{Connection, OnConnection, farewell::Farewell, opening::Opening};
use crate::{Lifecycle, roster::Place};

/// A connection that its lifecycle counts, knows something about, and can end.
///
/// It is counted until it is dropped. So an upgraded connection, whose new owner has this, is
/// counted with no help from anybody.
pub struct TrackedIo<T> {
    io: Farewell<T>,
    seat: Seat,
    /// Who is woken when the lifecycle ends it. Kept here too, to be told again only when changed.
    waker: Option<Waker>,
    means: Means<T>,
    opening: Opening,
    /// Our end is written, and that of the peer is waited for until then.
    goodbye: Option<Pin<Box<Sleep>>>,
}

/// How long the peer of an HTTP/2 connection may take to end it after us.
const GOODBYE: Duration = Duration::from_secs(1);

/// What only the kernel can do with a connection.
pub(crate) struct Means<T> {
    /// Makes the peer see a break instead of an end.
    pub(crate) reset: fn(&T),
    /// Whether something has arrived that nobody has read. What the runtime knows of that may be
    /// old.
    pub(crate) has_bytes: fn(&T) -> bool,
}

struct Seat {
    connection: Arc<Connection>,
    lifecycle: Lifecycle,
    place: Option<Place>,
}

impl<T> TrackedIo<T> {
    pub(crate) fn new(
        io: T,
        lifecycle: Lifecycle,
        connection: Arc<Connection>,
        means: Means<T>,
    ) -> Self {
        let place = Some(lifecycle.0.connections.join(Arc::clone(&connection)));
        let says = connection.is_of_a_host();
        let io = Farewell::new(io, Arc::clone(&connection), says);
        let seat = Seat { connection, lifecycle, place };
        Self { io, seat, waker: None, means, opening: Opening::new(), goodbye: None }
    }

    /// The connection itself.
    #[must_use]
    pub const fn get_ref(&self) -> &T {
        self.io.get_ref()
    }

    /// The connection itself, to be changed. What is read and written there is not seen.
    pub const fn get_mut(&mut self) -> &mut T {
        self.io.get_mut()
    }

    /// A service for this connection, for a server of your own: it lets the lifecycle know when
    /// nothing is in flight here, so that a connection that idles keeps nobody. The
    /// [layer](crate::Lifecycle::layer) has to be a part of the service.
    pub fn on_connection<S>(&self, service: S) -> OnConnection<S> {
        OnConnection::new(service, Arc::clone(&self.seat.connection))
    }

    #[cfg(any(feature = "axum", feature = "hyper"))]
    pub(crate) const fn connection(&self) -> &Arc<Connection> {
        &self.seat.connection
    }

    /// Whether it may go on. To be asked before each step, and after the one that has to wait.
    fn go_on(&mut self, cx: &Context<'_>) -> io::Result<()> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
            self.seat.connection.watch(cx.waker());
        }
        // After the waker is there: whoever ends it looks for one afterwards.
        if self.seat.connection.is_cut() { Err(self.broken()) } else { Ok(()) }
    }

    /// To be called before the bytes are counted.
    fn look_at_opening(&mut self, new: &[u8]) {
        self.opening = self.opening.read(new);
        let connection = &self.seat.connection;
        if self.opening.is_http2() {
            connection.speaks_bare_http2();
        }
        if self.opening.is_over() {
            connection.begin();
        }
    }

    #[cold]
    fn broken(&self) -> io::Error {
        if self.seat.connection.in_flight() > 0 || self.seat.connection.is_upgraded() {
            // Else a body without a length would look whole.
            (self.means.reset)(self.io.get_ref());
        }
        io::Error::new(io::ErrorKind::ConnectionAborted, "the process ends")
    }

    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.seat.connection.has_written(None),
            Poll::Ready(bytes) => {
                self.seat.connection.has_written(Some(*bytes.as_ref().unwrap_or(&0)));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> TrackedIo<T> {
    /// Reads on after our end, until the peer ends too.
    ///
    /// A peer of HTTP/2 may send calls that it will hear we refused. If they were unread when we
    /// close, the kernel would send a reset, and the peer lose what we answered last.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { io, goodbye, .. } = self;
        let timer = goodbye.get_or_insert_with(|| Box::pin(sleep(GOODBYE)));
        let mut bytes = [0; 1024];
        while timer.as_mut().poll(cx).is_pending() {
            let mut late = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *io).poll_read(cx, &mut late));
            if read.is_err() || late.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for TrackedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.go_on(cx)?;
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let new = &buf.filled()[before..];
        let bytes = new.len() as u64;
        if !self.opening.is_over() {
            self.look_at_opening(new);
        }
        let connection = &self.seat.connection;
        if bytes > 0 {
            connection.has_read(bytes);
        } else if polled.is_pending()
            && connection.is_asked()
            && !(self.means.has_bytes)(self.io.get_ref())
            && connection.has_found_nothing()
        {
            // What a client sees of an idle connection that its server closes.
            return Poll::Ready(Ok(()));
        }
        polled
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TrackedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.go_on(cx)?;
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.go_on(cx)?;
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.go_on(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A peer that takes no end must not keep us either.
        self.go_on(cx)?;
        if self.goodbye.is_none() {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            if !self.seat.connection.is_http2() {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_goodbye(cx).map(Ok)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.lifecycle.0.connections.leave(place);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for TrackedIo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrackedIo").field(self.get_ref()).finish()
    }
}
