//! The Connect protocol: JSON for a unary call, an end-of-stream message for a stream.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use tower_ready_core::Codec;

use super::{Context, base64, details, grpc, insert_retry_after};
use crate::{
    Problem,
    json::{self, Writer},
};

/// The flag of the message that ends a stream.
const END_STREAM: u8 = 0b10;

/// The HTTP status that Connect pairs with the code, and the error as JSON.
pub(super) fn unary(problem: &Problem, context: &Context<'_>) -> Response<Bytes> {
    let mut response = Response::new(json::write(|json| error(json, problem, context)));
    *response.status_mut() = problem.0.code.http_status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    insert_retry_after(headers, problem);
    response
}

/// A stream of one message, the last, whose JSON holds the error whatever the codec.
pub(super) fn stream(problem: &Problem, codec: Codec, context: &Context<'_>) -> Response<Bytes> {
    let end = json::write(|json| {
        json.raw("{\"error\":");
        error(json, problem, context);
        json.raw("}");
    });
    let mut body = BytesMut::with_capacity(5 + end.len());
    body.put_u8(END_STREAM);
    body.put_u32(u32::try_from(end.len()).unwrap_or(u32::MAX));
    body.put(end);
    let mut response = Response::new(body.freeze());
    let content_type = match codec {
        Codec::Json => "application/connect+json",
        _ => "application/connect+proto",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn error(json: &mut Writer<'_>, problem: &Problem, context: &Context<'_>) {
    json.raw("{");
    json.member("code", problem.0.code.connect_name());
    json.member("message", grpc::message(problem));
    json.name("details");
    json.raw("[");
    let mut comma = "";
    details::each(problem, context, |name, write| {
        let mut detail = Vec::new();
        write(&mut detail);
        json.raw(comma);
        comma = ",";
        json.raw("{");
        json.name("type");
        json.strings(["google.rpc.", name]);
        json.name("value");
        json.string(&String::from_utf8_lossy(&base64::encode(&detail)));
        json.raw("}");
    });
    json.raw("]}");
}
