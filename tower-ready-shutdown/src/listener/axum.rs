//! For `axum::serve`.

use std::{
    convert::Infallible,
    fmt,
    future::IntoFuture,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::serve::{IncomingStream, Listener as AxumsListener, ListenerExt, TapIo};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Accept, Listener};
use crate::{Lifecycle, OnConnection, TrackedIo, connection::Connection, connection::Known};

/// A [`Listener`] in the shape for which axum knows the address of a peer:
/// `into_make_service_with_connect_info::<SocketAddr>()` works with it.
pub type AxumListener<A> = TapIo<Listener<A>, fn(&mut TrackedIo<<A as Accept>::Io>)>;

impl Lifecycle {
    /// A listener for `axum::serve`.
    pub fn axum_listener<A: Accept>(&self, listener: A) -> AxumListener<A> {
        self.listener(listener).tap_io(|_| {})
    }

    /// Serves as `axum::serve` does, with a [listener](Self::axum_listener) of ours, with
    /// [`Connections`], and with the [signal](Self::graceful) to end.
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    /// use tokio::net::TcpListener;
    /// use tower_ready_shutdown::Lifecycle;
    ///
    /// # async fn main_() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    /// let lifecycle = Lifecycle::install()?;
    /// let app = Router::new().route("/", get(|| async { "ok" })).layer(lifecycle.layer());
    /// let listener = TcpListener::bind("127.0.0.1:3000").await?;
    /// let report = lifecycle.run(lifecycle.serve_axum(listener, app)).await;
    /// # Ok(report.exit_code())
    /// # }
    /// ```
    pub fn serve_axum<A, M, S>(
        &self,
        listener: A,
        app: M,
    ) -> impl Future<Output = io::Result<()>> + Send + use<A, M, S>
    where
        A: Accept,
        A::Addr: fmt::Debug,
        M: for<'a> Service<IncomingStream<'a, AxumListener<A>>, Error = Infallible, Response = S>
            + Send
            + 'static,
        for<'a> <M as Service<IncomingStream<'a, AxumListener<A>>>>::Future: Send,
        S: Service<axum::extract::Request, Response = axum::response::Response, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
    {
        axum::serve(self.axum_listener(listener), Connections::new(app))
            .with_graceful_shutdown(self.graceful())
            .into_future()
    }
}

impl<A: Accept> AxumsListener for Listener<A> {
    type Io = TrackedIo<A::Io>;
    type Addr = A::Addr;

    fn accept(&mut self) -> impl Future<Output = (Self::Io, A::Addr)> + Send {
        self.known = Known::Http;
        Self::accept(self)
    }

    fn local_addr(&self) -> io::Result<A::Addr> {
        Self::local_addr(self)
    }
}

/// Goes around what is given to `axum::serve`: a router, or what its `into_make_service…` make.
///
/// It lets the lifecycle know when nothing is in flight on a connection, so that one that idles,
/// or sits on half a head, is closed in time and keeps nobody.
#[derive(Clone, Debug)]
#[must_use = "it is for `axum::serve`"]
pub struct Connections<M>(M);

impl<M> Connections<M> {
    /// Around this.
    pub const fn new(app: M) -> Self {
        Self(app)
    }
}

impl<'a, L, T, M, S> Service<IncomingStream<'a, L>> for Connections<M>
where
    L: AxumsListener<Io = TrackedIo<T>>,
    M: Service<IncomingStream<'a, L>, Response = S, Error = Infallible>,
{
    type Response = OnConnection<S>;
    type Error = Infallible;
    type Future = ConnectionsFuture<M::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, incoming: IncomingStream<'a, L>) -> Self::Future {
        let connection = Arc::clone(incoming.io().connection());
        ConnectionsFuture { inner: self.0.call(incoming), connection: Some(connection) }
    }
}

pin_project! {
    /// The future of a call to [`Connections`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ConnectionsFuture<F> {
        #[pin]
        inner: F,
        connection: Option<Arc<Connection>>,
    }
}

impl<F, S> Future for ConnectionsFuture<F>
where
    F: Future<Output = Result<S, Infallible>>,
{
    type Output = Result<OnConnection<S>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let service = ready!(this.inner.poll(cx))?;
        #[expect(clippy::expect_used, reason = "the contract of `Future`")]
        let connection =
            this.connection.take().expect("`ConnectionsFuture` polled after completion");
        Poll::Ready(Ok(OnConnection::new(service, connection)))
    }
}

impl<F> fmt::Debug for ConnectionsFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionsFuture").finish_non_exhaustive()
    }
}
