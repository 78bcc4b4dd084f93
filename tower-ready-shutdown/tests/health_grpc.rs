//! `grpc.health.v1`, as the client of tonic-health sees it.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::{net::TcpListener, sync::watch};
use tonic::{Code, transport::Channel as Connection};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::ServiceExt;
use tower_ready_shutdown::{
    Lifecycle,
    health::{Check, Health, HealthBuilder, Status},
};
use tower_ready_testing::{Call, each_host};

const ORDERS: &str = "orders.v1.Orders";

type Client = HealthClient<Connection>;

async fn client(address: std::net::SocketAddr) -> Client {
    let endpoint = Connection::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(endpoint.connect().await.unwrap())
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn check(client: &mut Client, service: &str) -> Result<ServingStatus, Code> {
    let answer = client.check(of(service)).await.map_err(|status| status.code())?;
    Ok(answer.into_inner().status())
}

fn builder(lifecycle: &Lifecycle) -> HealthBuilder {
    Health::builder().lifecycle(lifecycle).grpc_service(ORDERS)
}

async fn says_what_readiness_says(mut client: Client, lifecycle: Lifecycle, health: Health) {
    for service in ["", ORDERS] {
        assert_eq!(check(&mut client, service).await, Ok(ServingStatus::NotServing));
    }
    lifecycle.ready();
    health.until_ready().await;
    for service in ["", ORDERS] {
        assert_eq!(check(&mut client, service).await, Ok(ServingStatus::Serving));
    }
    assert_eq!(check(&mut client, "orders.v2.Orders").await, Err(Code::NotFound));

    let mut all = client.watch(of("")).await.unwrap().into_inner();
    let mut orders = client.watch(of(ORDERS)).await.unwrap().into_inner();
    let mut unknown = client.watch(of("nobody")).await.unwrap().into_inner();
    for watch in [&mut all, &mut orders] {
        let status = watch.message().await.unwrap().unwrap().status();
        assert_eq!(status, ServingStatus::Serving);
    }
    let status = unknown.message().await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::ServiceUnknown);

    lifecycle.drain();
    for watch in [&mut all, &mut orders] {
        let status = watch.message().await.unwrap().unwrap().status();
        assert_eq!(status, ServingStatus::NotServing);
        // The end of the stream, with the status OK.
        assert!(watch.message().await.unwrap().is_none());
    }
    assert!(unknown.message().await.unwrap().is_none());
    assert_eq!(check(&mut client, ORDERS).await, Ok(ServingStatus::NotServing));
    // Who begins to watch now hears it once.
    let mut late = client.watch(of("")).await.unwrap().into_inner();
    let status = late.message().await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::NotServing);
    assert!(late.message().await.unwrap().is_none());
}

each_host! {
    async fn a_client_hears_what_readiness_says_and_when_the_process_leaves(host) {
        let lifecycle = Lifecycle::builder().build().unwrap();
        let health = builder(&lifecycle).build().unwrap();
        let server = host.serve(health.layer()).await;
        let client = client(server.address()).await;
        says_what_readiness_says(client, lifecycle, health).await;
        server.call(Call::ok()).await.assert_ok();
        assert_eq!(server.hits(), 1);
    }
}

#[cfg(feature = "tonic")]
#[tokio::test]
async fn it_is_a_service_of_tonic() {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let health = builder(&lifecycle).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_service(health.grpc());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let serving = tokio::spawn(server.serve_with_incoming(incoming));
    says_what_readiness_says(client(address).await, lifecycle, health).await;
    serving.abort();
}

/// axum, and hyper below it, know nothing of gRPC.
#[tokio::test]
async fn it_is_a_service_of_axum() {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let health = builder(&lifecycle).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new()
        .route_service("/grpc.health.v1.Health/{method}", health.grpc())
        .route("/", axum::routing::get(async || "ok"));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    says_what_readiness_says(client(address).await, lifecycle, health).await;
    serving.abort();
}

#[tokio::test]
async fn a_watch_hears_of_a_dependency_that_dies_and_comes_back() {
    let up = watch::Sender::new(true);
    let database = up.subscribe();
    let check = Check::new("database", move || {
        let is_up = *database.borrow();
        async move { if is_up { Ok(()) } else { Err("it is down") } }
    });
    let check = check.every(Duration::from_millis(10)).timeout(Duration::from_millis(10));
    let check = check.max_stale(Duration::from_secs(60));
    let health = Health::builder().check(check).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let path = "/grpc.health.v1.Health/{method}";
    let router = axum::Router::new().route_service(path, health.grpc());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    health.until_ready().await;
    let mut client = client(address).await;
    let mut watch = client.watch(of("")).await.unwrap().into_inner();
    for (is_up, expected) in [
        (true, ServingStatus::Serving),
        (false, ServingStatus::NotServing),
        (true, ServingStatus::Serving),
    ] {
        up.send_replace(is_up);
        assert_eq!(watch.message().await.unwrap().unwrap().status(), expected);
    }
    serving.abort();
}

/// Sends bytes as a request, and returns what came back: status, `grpc-status`, messages.
async fn raw(method: &str, content_type: &str, body: &[u8]) -> (StatusCode, Option<u8>, Bytes) {
    let health = Health::builder().grpc_service(ORDERS).build().unwrap();
    assert_eq!(health.readiness(), Status::Pass);
    let request = Request::post(format!("/grpc.health.v1.Health/{method}"))
        .header("content-type", content_type)
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap();
    let (parts, body) = health.grpc().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    let trailer = body.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
    let code = trailer.or_else(|| parts.headers.get("grpc-status").cloned());
    let code = code.map(|code| code.to_str().unwrap().parse().unwrap());
    (parts.status, code, body.to_bytes())
}

fn framed(message: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame
}

#[tokio::test]
async fn hostile_requests_get_the_right_code() {
    let grpc = "application/grpc+proto";
    let ok = StatusCode::OK;
    let serving = Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]);
    assert_eq!(raw("Check", grpc, &framed(b"")).await, (ok, Some(0), serving));
    let orders = framed(b"\x0a\x10orders.v1.Orders");
    assert_eq!(raw("Check", grpc, &orders).await.1, Some(0));
    for (method, body, code) in [
        ("Check", &framed(b"\x0a\x06nobody")[..], 5),
        ("Check", &[1, 0, 0, 0, 0], 12),
        ("Check", &[0, 0, 0, 16, 0], 8),
        ("Check", &[0, 255, 255, 255, 255], 8),
        ("Check", &[0, 0, 0, 0, 9, 1], 13),
        ("Check", &[0, 0], 13),
        ("Check", &[], 13),
        ("Check", &framed(b"\x0a\xff"), 13),
        ("Check", &framed(b"\x0a\x01\xff"), 13),
        ("Watch", &framed(b"\x0b"), 13),
        ("Prod", &framed(b""), 12),
    ] {
        let (status, answer, message) = raw(method, grpc, body).await;
        assert_eq!((status, answer), (ok, Some(code)), "{method} {body:?}");
        assert!(message.is_empty());
    }
    for other in ["application/json", "application/grpcfoo", "application/grpc-web"] {
        let (status, code, _) = raw("Check", other, &framed(b"")).await;
        let is_refused =
            status == StatusCode::UNSUPPORTED_MEDIA_TYPE || code.is_some_and(|c| c > 0);
        assert!(is_refused, "{other}: {status} {code:?}");
    }
}

/// A body that comes byte by byte, with a pause before each.
struct Drip {
    rest: Bytes,
    pauses: bool,
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pauses = !self.pauses;
        if self.pauses {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        assert!(!self.rest.is_empty(), "it has been read far enough");
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(1)))))
    }
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte_and_more_than_it_needs_is_not_kept() {
    let health = Health::builder().build().unwrap();
    let request = Request::post("/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .body(Drip { rest: framed(b"\x0a\x00").into(), pauses: false })
        .unwrap();
    let answer = health.grpc().oneshot(request).await;
    let body = answer.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(raw("Check", "application/grpc", &[0; 1_000_000]).await.1, Some(0));
}

#[tokio::test]
async fn all_names_are_listed() {
    let (status, code, message) = raw("List", "application/grpc", &framed(b"")).await;
    assert_eq!((status, code), (StatusCode::OK, Some(0)));
    let expected =
        framed(b"\x0a\x06\x0a\x00\x12\x02\x08\x01\x0a\x16\x0a\x10orders.v1.Orders\x12\x02\x08\x01");
    assert_eq!(message, expected.freeze());
}
