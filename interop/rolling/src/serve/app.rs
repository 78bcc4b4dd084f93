//! What the instances answer: little, after a little while.

use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use tonic::{body::Body, server::NamedService};
use tower::Service;

/// Long enough for requests to be in flight at every moment.
const WORK: Duration = Duration::from_millis(2);

/// Over HTTP.
pub(super) fn router() -> Router {
    Router::new().route("/", get(index)).route("/echo", post(echo))
}

async fn index() -> &'static str {
    tokio::time::sleep(WORK).await;
    "ok"
}

async fn echo(body: Bytes) -> Bytes {
    tokio::time::sleep(WORK).await;
    body
}

/// Over gRPC: the message comes back as it is, so that no code has to be generated.
#[derive(Clone, Debug)]
pub(super) struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "rolling.v1.Echo";
}

type Answering = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        Box::pin(async {
            let body = request.into_body().collect().await.map(|body| body.to_bytes());
            tokio::time::sleep(WORK).await;
            let code = if body.is_ok() { "0" } else { "13" };
            let trailers = HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                HeaderValue::from_static(code),
            )]);
            let body = Full::new(body.unwrap_or_default());
            let body = body.with_trailers(std::future::ready(Some(Ok(trailers))));
            let mut response = Response::new(Body::new(body));
            let content_type = HeaderValue::from_static("application/grpc");
            response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
            Ok(response)
        })
    }
}
