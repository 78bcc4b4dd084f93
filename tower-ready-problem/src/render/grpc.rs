//! gRPC and gRPC-Web: the code, the message and the details, all in headers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use tower_ready_core::{Codec, Protocol, grpc::encode_message};

use super::{Context, USUAL_HEADERS, base64, details, pushback, truncated};
use crate::{Problem, json};

pub(super) const STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(super) const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(super) const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
pub(super) const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Clients limit the size of all headers together, by default to as little as 8 KiB, and each byte
/// may become three.
const MAX_MESSAGE: usize = 768;

/// A head that is the whole answer ("Trailers-Only"). For gRPC-Web too: a body with nothing but a
/// frame of trailers is misread by some of its clients.
pub(super) fn answer(
    problem: &Problem,
    protocol: Protocol,
    context: &Context<'_>,
) -> Response<Bytes> {
    let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(protocol)));
    headers.insert(STATUS, problem.0.code.header_value());
    headers.insert(MESSAGE, encode_message(message(problem)));
    let details = match &problem.0.status_details {
        Some(status) => base64::header_value(status),
        None => json::scratch(|status| {
            details::status(status, problem, context);
            base64::header_value(status)
        }),
    };
    headers.insert(DETAILS, details);
    // gRPC proposal A6: clients that retry wait this long, instead of their own backoff.
    if let Some(pushback) = pushback(problem) {
        headers.insert(PUSHBACK, pushback);
    }
    let mut response = Response::new(Bytes::new());
    *response.headers_mut() = headers;
    response
}

/// What a developer reads: the detail, or else the title.
pub(super) fn message(problem: &Problem) -> &str {
    let message = problem.0.detail.as_deref().unwrap_or_else(|| problem.title());
    truncated(message, MAX_MESSAGE)
}

/// Some clients refuse an answer that names another codec than the call did.
pub(super) const fn content_type(protocol: Protocol) -> &'static str {
    use Codec::{Json, Proto};
    use Protocol::{Grpc, GrpcWeb, GrpcWebText};

    match protocol {
        GrpcWeb(Proto) => "application/grpc-web+proto",
        GrpcWeb(Json) => "application/grpc-web+json",
        GrpcWeb(_) => "application/grpc-web",
        GrpcWebText(Proto) => "application/grpc-web-text+proto",
        GrpcWebText(Json) => "application/grpc-web-text+json",
        GrpcWebText(_) => "application/grpc-web-text",
        Grpc(Proto) => "application/grpc+proto",
        Grpc(Json) => "application/grpc+json",
        _ => "application/grpc",
    }
}
