use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::grpc::{Code, encode_message};
use tower_ready_problem::{Caller, Problem};

use super::{
    Method, is_grpc,
    message::{self, MAX_REQUEST, Word},
    watch::Watching,
};
use crate::health::{Health, ProbeBody, Status};

/// Before the message of a call stand a flag and its length.
const PREFIX: usize = 5;

pin_project! {
    /// Reads the one message of a call and answers it.
    #[must_use = "futures do nothing unless polled"]
    pub struct GrpcFuture<Q> {
        #[pin]
        body: Q,
        read: Vec<u8>,
        health: Health,
        method: Method,
        // An answer that does not depend on the message.
        refusal: Option<Response<ProbeBody>>,
    }
}

/// What is wrong with a call.
type Refusal = (Code, &'static str);

impl<Q> GrpcFuture<Q> {
    pub(in crate::health) fn new(health: Health, method: Method, request: Request<Q>) -> Self {
        let refusal = if !is_grpc(&request) {
            // gRPC over HTTP/2, "Requests": whatever is no gRPC gets this status.
            let problem = Problem::status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            Some(problem.answer(&Caller::of(&request)).map(ProbeBody::full))
        } else if method == Method::Unknown {
            Some(refuse((Code::Unimplemented, "there is no such method")))
        } else {
            None
        };
        Self { body: request.into_body(), read: Vec::new(), health, method, refusal }
    }
}

impl<Q> Future for GrpcFuture<Q>
where
    Q: Body<Data: Buf>,
{
    type Output = Result<Response<ProbeBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(refusal) = this.refusal.take() {
            return Poll::Ready(Ok(refusal));
        }
        loop {
            match message_in(this.read) {
                Ok(Some(message)) => {
                    let answered = answer(this.health, *this.method, message);
                    return Poll::Ready(Ok(answered.unwrap_or_else(refuse)));
                }
                Ok(None) => {}
                Err(refusal) => return Poll::Ready(Ok(refuse(refusal))),
            }
            match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(mut data) = frame.into_data() {
                        // What comes after a message that is too long is not kept.
                        let room = (PREFIX + MAX_REQUEST).saturating_sub(this.read.len());
                        let mut data = data.copy_to_bytes(room.min(data.remaining()));
                        this.read.extend_from_slice(&data);
                        data.clear();
                    }
                }
                Some(Err(_)) | None => {
                    let refusal = (Code::Internal, "the request broke off");
                    return Poll::Ready(Ok(refuse(refusal)));
                }
            }
        }
    }
}

/// The message, if it is there already.
fn message_in(read: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let Some(([flag, length @ ..], message)) = read.split_first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    if *flag != 0 {
        return Err((Code::Unimplemented, "compressed requests are not read"));
    }
    let length = u32::from_be_bytes(*length) as usize;
    if length > MAX_REQUEST {
        return Err((Code::ResourceExhausted, "the request is too long"));
    }
    Ok(message.get(..length))
}

fn answer(health: &Health, method: Method, message: &[u8]) -> Result<Response<ProbeBody>, Refusal> {
    let malformed = |_| (Code::Internal, "the request cannot be read");
    let services = &health.0.grpc_services;
    let name = message::service_name(message).map_err(malformed)?;
    let is_known = services.binary_search_by(|known| (**known).cmp(name)).is_ok();
    let serving = match health.readiness() {
        Status::Fail => Word::NotServing,
        Status::Pass | Status::Warn => Word::Serving,
    };
    match method {
        Method::Check if is_known => Ok(unary(message::status(serving))),
        Method::Check => Err((Code::NotFound, "there is no such service")),
        Method::List => Ok(unary(message::list(services, serving))),
        Method::Watch => Ok(respond(ProbeBody::watch(Watching::new(health.clone(), is_known)))),
        Method::Unknown => Err((Code::Unimplemented, "there is no such method")),
    }
}

fn unary(message: Bytes) -> Response<ProbeBody> {
    respond(ProbeBody::message(message, status(Code::Ok)))
}

fn respond(body: ProbeBody) -> Response<ProbeBody> {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A head alone.
fn refuse((code, text): Refusal) -> Response<ProbeBody> {
    let mut response = respond(ProbeBody::full(Bytes::new()));
    response.headers_mut().extend(status(code));
    response.headers_mut().insert("grpc-message", encode_message(text));
    response
}

pub(super) fn status(code: Code) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", code.header_value());
    trailers
}

impl<Q> fmt::Debug for GrpcFuture<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcFuture").field("method", &self.method).finish_non_exhaustive()
    }
}
