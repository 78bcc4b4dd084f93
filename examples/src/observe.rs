//! A request id for every request and a line for every answer. tower-ready-obs will take its place.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_ready_core::{Instant, RequestId, TraceId};
use tower_service::Service;

/// Longer paths are cut in the log: callers choose them.
const MAX_PATH: usize = 256;

/// Gives each request one id, which its answer names, and logs each answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObserveLayer;

#[derive(Clone, Debug)]
pub(crate) struct Observe<S>(S);

pin_project! {
    pub(crate) struct ObserveFuture<F> {
        #[pin]
        inner: F,
        asked: Asked,
    }
}

struct Asked {
    method: Method,
    path: String,
    request_id: RequestId,
    trace_id: Option<TraceId>,
    at: Instant,
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe(inner)
    }
}

impl<S, Q, B> Service<Request<Q>> for Observe<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ObserveFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        // What is no id, or two of them, gives way to a new one.
        let request_id = RequestId::of(request.headers()).unwrap_or_else(RequestId::generate);
        let value = request_id.as_header_value().clone();
        request.headers_mut().insert(RequestId::HEADER, value);
        // Never the query, which may hold what is not for logs.
        let path = request.uri().path().chars().take(MAX_PATH).collect();
        let asked = Asked {
            method: request.method().clone(),
            path,
            request_id,
            trace_id: TraceId::of(request.headers()),
            at: Instant::now(),
        };
        let inner = self.0.call(request);
        ObserveFuture { inner, asked }
    }
}

impl<F, B, E> Future for ObserveFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let id = this.asked.request_id.as_header_value().clone();
        response.headers_mut().insert(RequestId::HEADER, id);
        this.asked.log(response.status().as_u16());
        Poll::Ready(Ok(response))
    }
}

impl Asked {
    fn log(&self, status: u16) {
        tracing::info!(
            target: "access",
            request_id = self.request_id.as_str(),
            trace_id = self.trace_id.map(tracing::field::display),
            method = self.method.as_str(),
            path = self.path,
            status,
            ms = Instant::now().since(self.at).as_millis() as u64,
            "answered"
        );
    }
}
