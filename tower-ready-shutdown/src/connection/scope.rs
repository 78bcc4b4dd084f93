use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Boarded, Connection, current, current::Current};
use crate::stamp::stamp;

/// A service on one connection, which knows when nothing is in flight there.
#[derive(Clone)]
pub struct OnConnection<S> {
    inner: S,
    connection: Arc<Connection>,
}

impl<S> OnConnection<S> {
    pub(crate) fn new(inner: S, connection: Arc<Connection>) -> Self {
        connection.tell();
        Self { inner, connection }
    }
}

impl<S, Q, B> Service<Request<Q>> for OnConnection<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = OnConnectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let boarded = Connection::board(&self.connection);
        if request.version() == Version::HTTP_2 {
            self.connection.speaks_http2();
        }
        let stampable = request.version() == Version::HTTP_11;
        let tunnels = request.method() == Method::CONNECT;
        let connection = Arc::clone(&self.connection);
        let mut current = Some(Current { connection, counted: false });
        let inner = current::on(&mut current, || self.inner.call(request));
        OnConnectionFuture { inner, current, boarded, tunnels, stampable }
    }
}

pin_project! {
    /// The future of a call to an [`OnConnection`].
    #[must_use = "futures do nothing unless polled"]
    pub struct OnConnectionFuture<F> {
        #[pin]
        inner: F,
        current: Option<Current>,
        boarded: Boarded,
        tunnels: bool,
        stampable: bool,
    }
}

impl<F, B, E> Future for OnConnectionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let inner = this.inner;
        let mut answer = ready!(current::on(this.current, || inner.poll(cx)));
        if let Ok(response) = &mut answer {
            let connection = this.boarded.connection();
            if *this.stampable && connection.is_retired() {
                stamp(response);
            }
            let tunnel = *this.tunnels && response.status().is_success();
            let counted = this.current.as_ref().is_some_and(|current| current.counted);
            if tunnel || response.status() == StatusCode::SWITCHING_PROTOCOLS {
                connection.upgrade();
            } else if !counted && !response.body().is_end_stream() {
                // Nobody will tell us when that body ends.
                connection.obscure();
            }
        }
        Poll::Ready(answer)
    }
}

impl<S: fmt::Debug> fmt::Debug for OnConnection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnConnection").field(&self.inner).finish()
    }
}

impl<F> fmt::Debug for OnConnectionFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnConnectionFuture").finish_non_exhaustive()
    }
}
