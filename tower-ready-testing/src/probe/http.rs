//! The probe over HTTP.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use tower_service::Service;

use super::{BrokenStream, Probe, Seen, behave::Outcome, proto::Behaviour, query::from_query};

/// The body of the probe's HTTP answers: one text of known length, or a stream.
pub type ProbeBody =
    Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, BrokenStream>>>>;

/// The probe as a service for HTTP requests with any body.
#[derive(Clone)]
pub struct HttpProbe {
    probe: Probe,
}

// === impl HttpProbe ===

impl HttpProbe {
    pub(super) const fn new(probe: Probe) -> Self {
        Self { probe }
    }

    /// Answers one request, after it read the whole body.
    ///
    /// Paths outside `/probe/` are not found and not counted, as on a host that has routes.
    pub async fn answer<B: Body>(self, request: Request<B>) -> Response<ProbeBody> {
        if !request.uri().path().starts_with("/probe/") {
            return not_found();
        }
        let running = self.probe.enter();
        let (parts, body) = request.into_parts();
        let wish = from_query(parts.uri.query().unwrap_or_default());
        let whole = match body.collect().await {
            Ok(whole) => whole.to_bytes(),
            Err(_) => Bytes::from_static(b"the upload broke off"),
        };
        self.probe.remember(Seen::new(parts, whole));
        let headers = wish.headers.clone();
        let mut response = to_response(self.probe.behave(running, wish).await);
        for header in headers {
            let name: HeaderName = header.name.parse().expect("a header name");
            let value: HeaderValue = header.value.parse().expect("a header value");
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl<B> Service<Request<B>> for HttpProbe
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ProbeBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let probe = self.clone();
        Box::pin(async move { Ok(probe.answer(request).await) })
    }
}

impl fmt::Debug for HttpProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.probe.fmt(f)
    }
}

fn to_response(outcome: Outcome) -> Response<ProbeBody> {
    match outcome {
        Outcome::Text(text) => text_response(StatusCode::OK, text),
        Outcome::Failed(Behaviour { status, message, .. }) => {
            let status = u16::try_from(status).ok().and_then(|it| StatusCode::from_u16(it).ok());
            text_response(status.expect("a status"), message)
        }
        Outcome::Stream(chunks) => {
            // One line a chunk, so that a client can tell them apart whatever the transport does.
            let frames = chunks.map(|chunk| chunk.map(|text| Frame::data((text + "\n").into())));
            Response::new(Either::Right(StreamBody::new(frames.boxed())))
        }
    }
}

fn not_found() -> Response<ProbeBody> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn text_response(status: StatusCode, text: String) -> Response<ProbeBody> {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
