//! For tonic's own server.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tonic::transport::server::Connected;

use super::{Accept, Listener};
use crate::{Lifecycle, TrackedIo, connection::Known};

impl Lifecycle {
    /// Connections for `serve_with_incoming_shutdown` of tonic's server, whose signal is
    /// [`graceful`](Self::graceful).
    ///
    /// The [layer](Self::layer) should be on that server, around all of its services: where it
    /// counts nothing in flight, connections that clients leave open, or never used, are closed in
    /// time.
    ///
    /// Clients are told to go in the last fifth of the lame duck, and what they send nevertheless is
    /// served. Inside of tonic's own TLS we cannot tell them, and tonic does when it closes. To spread
    /// it over the whole lame duck, also over TLS, serve `tonic::service::Routes`, which are a service
    /// as any other, with `Lifecycle::server` of the feature `hyper`.
    ///
    /// ```no_run
    /// use tokio::net::TcpListener;
    /// use tonic::{service::Routes, transport::Server};
    /// use tower_ready_shutdown::Lifecycle;
    ///
    /// # async fn main_(orders: Routes) -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    /// let lifecycle = Lifecycle::install()?;
    /// let incoming = lifecycle.incoming(TcpListener::bind("127.0.0.1:50051").await?);
    /// let server = Server::builder()
    ///     .layer(lifecycle.layer())
    ///     .add_routes(orders)
    ///     .serve_with_incoming_shutdown(incoming, lifecycle.graceful());
    /// let report = lifecycle.run(server).await;
    /// # Ok(report.exit_code())
    /// # }
    /// ```
    pub fn incoming<A: Accept>(&self, listener: A) -> Incoming<A> {
        let listener = Listener::new(self.clone(), listener, Known::ByCount);
        Incoming { state: State::Idle(listener) }
    }
}

/// The connections of a [`Listener`] as a stream, for tonic. It never fails and never ends.
#[must_use = "it is for `serve_with_incoming_shutdown`"]
pub struct Incoming<A: Accept> {
    state: State<A>,
}

type Accepting<A> =
    Pin<Box<dyn Future<Output = (Listener<A>, TrackedIo<<A as Accept>::Io>)> + Send>>;

enum State<A: Accept> {
    Idle(Listener<A>),
    Accepts(Accepting<A>),
    /// It panicked, and so does not go on.
    Gone,
}

impl<A: Accept> Incoming<A> {
    /// As [`Listener::shared`].
    pub fn shared(self, shared: bool) -> Self {
        let state = match self.state {
            State::Idle(listener) => State::Idle(listener.shared(shared)),
            other => other,
        };
        Self { state }
    }
}

impl<A: Accept> Stream for Incoming<A> {
    type Item = io::Result<TrackedIo<A::Io>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.state, State::Gone) {
                State::Idle(mut listener) => {
                    self.state = State::Accepts(Box::pin(async move {
                        let (io, _) = listener.accept().await;
                        (listener, io)
                    }));
                }
                State::Accepts(mut accepting) => {
                    let polled = accepting.as_mut().poll(cx);
                    if polled.is_pending() {
                        self.state = State::Accepts(accepting);
                    }
                    let (listener, io) = ready!(polled);
                    self.state = State::Idle(listener);
                    return Poll::Ready(Some(Ok(io)));
                }
                State::Gone => return Poll::Ready(None),
            }
        }
    }
}

impl<T: Connected> Connected for TrackedIo<T> {
    type ConnectInfo = T::ConnectInfo;

    fn connect_info(&self) -> T::ConnectInfo {
        self.get_ref().connect_info()
    }
}

impl<A: Accept> fmt::Debug for Incoming<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}
