//! Requests as hosts hand them on: names and values are slices of the connection's buffer.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

const IDS: [(&str, &str); 2] = [
    ("x-request-id", "0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
];

/// What a client and the proxy before us send along.
const COMMON: [(&str, &str); 7] = [
    ("host", "orders.example.com"),
    ("user-agent", "client/1.0"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, br"),
    ("authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
];

/// A `GET`, without a body.
pub(crate) fn get() -> Request<()> {
    request(Method::GET, "/orders/42?full=true", &COMMON)
}

/// A `POST` of JSON.
pub(crate) fn post() -> Request<()> {
    let mut request = request(Method::POST, "/orders", &COMMON);
    let content = [("content-type", "application/json"), ("content-length", "17")];
    insert(&mut request, &content);
    request
}

/// A gRPC call.
pub(crate) fn grpc() -> Request<()> {
    let headers = [
        ("te", "trailers"),
        ("user-agent", "grpc-client/1.0"),
        ("content-type", "application/grpc+proto"),
        ("grpc-accept-encoding", "gzip"),
        ("grpc-timeout", "5S"),
    ];
    request(Method::POST, "/orders.v1.Orders/Get", &headers)
}

/// The same with the ids that callers of a traced system send.
pub(crate) fn with_ids(mut request: Request<()>) -> Request<()> {
    insert(&mut request, &IDS);
    request
}

fn request(method: Method, uri: &'static str, headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_maybe_shared(shared(uri)).unwrap();
    insert(&mut request, headers);
    request
}

fn insert(request: &mut Request<()>, headers: &[(&'static str, &str)]) {
    for (name, value) in headers {
        let value = HeaderValue::from_maybe_shared(shared(value)).unwrap();
        let name = HeaderName::from_static(name);
        request.headers_mut().insert(name, value);
    }
}

/// Bytes that are counted, so that a clone costs what it costs in life.
fn shared(text: &str) -> Bytes {
    let bytes = Bytes::from(text.to_owned());
    // The first clone makes the count; this one is dropped.
    drop(bytes.clone());
    bytes
}
