//! What the methods answer, to a tonic client and to others.
//!
//! The clients run beside the test: they have to answer when a server says that it goes.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::{
    Code, Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt;
use tower_ready_examples::proto::{
    CreateRequest, FailRequest, GetRequest, PanicRequest, SlowRequest, WatchRequest,
    orders_client::OrdersClient,
};

use crate::{
    client::{raw, within},
    server::Server,
};

async fn channel(server: &Server) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    within(endpoint.connect()).await.unwrap()
}

/// Sends a token with every call.
#[derive(Clone)]
struct WithToken(String);

impl Interceptor for WithToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.parse().unwrap());
        Ok(request)
    }
}

async fn orders(server: &Server) -> OrdersClient<InterceptedService<Channel, WithToken>> {
    let token = WithToken(format!("Bearer {}", server.token));
    OrdersClient::with_interceptor(channel(server).await, token)
}

fn request_id(status: &Status) -> &str {
    let id = status.metadata().get("x-request-id");
    id.expect("every answer has the id").to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_order_is_found_or_taken() {
    let server = Server::start("tonic", &[]);
    let mut orders = orders(&server).await;
    let mut request = Request::new(GetRequest { id: u64::MAX });
    request.metadata_mut().insert("x-request-id", "smoke-2".parse().unwrap());
    let answer = within(orders.get(request)).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "smoke-2");
    let order = answer.into_inner();
    assert_eq!((order.id, &*order.by, &*order.request_id), (u64::MAX, "dev", "smoke-2"));

    let item = "teapot".to_owned();
    let taken = within(orders.create(CreateRequest { item, quantity: 1 })).await.unwrap();
    assert_eq!(taken.get_ref().id, 1);

    let refused = CreateRequest { item: "x".repeat(65), quantity: 101 };
    let refused = within(orders.create(refused)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let faults = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields.len(), 2, "{fields:?}");
    assert!(fields[0].ends_with("item") && fields[1].ends_with("quantity"), "{fields:?}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_has_all_of_its_orders_or_fails_in_its_trailers() {
    let server = Server::start("tonic", &[]);
    let mut orders = orders(&server).await;
    for (fail_after, expected) in [(0, Ok(5)), (2, Err((2, Code::Unavailable)))] {
        let watch = WatchRequest { chunks: 5, every_ms: 1, fail_after };
        let mut watch = within(orders.watch(watch)).await.unwrap().into_inner();
        let mut count = 0;
        let end = loop {
            match within(watch.message()).await {
                Ok(Some(_)) => count += 1,
                Ok(None) => break Ok(count),
                Err(status) => break Err((count, status.code())),
            }
        };
        assert_eq!(end, expected);
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_failure_passes_as_it_is_and_a_panic_does_not() {
    let server = Server::start("tonic", &[]);
    let mut orders = orders(&server).await;
    within(orders.slow(SlowRequest { ms: 1 })).await.unwrap();
    for code in 1..=16u32 {
        let message = format!("number {code}: 100 % ✓");
        let failure = FailRequest { code, message: message.clone() };
        let status = within(orders.fail(failure)).await.unwrap_err();
        assert_eq!((status.code() as u32, status.message()), (code, &*message));
        assert!(status.details().is_empty());
        assert_eq!(request_id(&status).len(), 36);
    }
    assert!(within(orders.fail(FailRequest::default())).await.is_ok());
    let code = 17;
    let nonsense = within(orders.fail(FailRequest { code, ..Default::default() })).await;
    assert_eq!(nonsense.unwrap_err().code(), Code::InvalidArgument);

    let status = within(orders.panic(PanicRequest {})).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!format!("{status:?}").contains("do not show"));
    assert_eq!(status.get_details_error_info().unwrap().reason, "INTERNAL");
    let id = status.get_details_request_info().unwrap().request_id;
    assert_eq!(id, request_id(&status));
    server.logs(&[&id, "do not show this: 4711"]);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_limit_is_one_for_all_connections_and_says_when_to_retry() {
    let server = Server::start("tonic", &["--ip-quota", "2/1h"]);
    for _ in 0..2 {
        let mut orders = orders(&server).await;
        within(orders.get(GetRequest { id: 1 })).await.unwrap();
    }
    let mut orders = orders(&server).await;
    let refused = within(orders.get(GetRequest { id: 1 })).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    assert_eq!(refused.get_details_error_info().unwrap().domain, "orders.example");
    assert_eq!(refused.get_details_request_info().unwrap().request_id, request_id(&refused));
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn health_and_reflection_know_the_service() {
    let server = Server::start("tonic", &[]);
    let mut health = HealthClient::new(channel(&server).await);
    for service in ["", "orders.v1.Orders"] {
        let service = service.to_owned();
        let answer = within(health.check(HealthCheckRequest { service })).await.unwrap();
        assert_eq!(answer.get_ref().status, 1);
        assert_eq!(answer.metadata().get("x-request-id").unwrap().len(), 36);
    }
    let mut named = Request::new(HealthCheckRequest::default());
    named.metadata_mut().insert("x-request-id", "smoke-4".parse().unwrap());
    let answer = within(health.check(named)).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "smoke-4");
    let watch = within(health.watch(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(watch.metadata().get("x-request-id").unwrap().len(), 36);
    let service = "nobody".to_owned();
    let unknown = within(health.check(HealthCheckRequest { service })).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(request_id(&unknown).len(), 36);

    let mut reflection = ServerReflectionClient::new(channel(&server).await);
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = futures_util::stream::iter([asked]);
    let mut answers = within(reflection.server_reflection_info(asked)).await.unwrap().into_inner();
    let answer = within(answers.message()).await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"orders.v1.Orders") && names.contains(&"grpc.health.v1.Health"));
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn whoever_watches_hears_that_the_server_goes() {
    let server = Server::start("tonic", &[]);
    let mut health = HealthClient::new(channel(&server).await);
    let mut orders = orders(&server).await;
    let mut watched = Vec::new();
    for service in ["", "orders.v1.Orders"] {
        let service = service.to_owned();
        let watch = within(health.watch(HealthCheckRequest { service })).await.unwrap();
        let mut watch = watch.into_inner();
        assert_eq!(within(watch.message()).await.unwrap().unwrap().status, 1);
        watched.push(watch);
    }
    let watch = WatchRequest { chunks: 10, every_ms: 20, fail_after: 0 };
    let mut watch = within(orders.watch(watch)).await.unwrap().into_inner();

    server.terminate();
    for mut health in watched {
        assert_eq!(within(health.message()).await.unwrap().unwrap().status, 2);
        assert!(within(health.message()).await.unwrap().is_none());
    }
    let mut count = 0;
    while within(watch.message()).await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 10);
    let (status, rest) = server.ended();
    assert!(status.success(), "{status}: {rest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hostile_calls_get_a_code_and_the_server_lives() {
    let server = Server::start("tonic", &[]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let methods = ["Get", "Create", "Watch", "Slow", "Fail", "Panic", "Nothing", "%ff"];
    for method in methods {
        for body in [
            &b""[..],
            b"\0",
            b"\0\0\0\0\x05ab",
            b"\x07\0\0\0\0",
            b"\0\xff\xff\xff\xff",
            b"\0\0\0\0\x02\xff\xff",
        ] {
            let uri = format!("http://{}/orders.v1.Orders/{method}", server.address);
            let request = http::Request::post(uri).header("content-type", "application/grpc");
            let request = request.body(Full::new(Bytes::from_static(body))).unwrap();
            let (head, body) = within(sender.send_request(request)).await.unwrap().into_parts();
            let end = within(body.collect()).await.unwrap();
            let trailers = end.trailers().and_then(|trailers| trailers.get("grpc-status"));
            let code = head.headers.get("grpc-status").or(trailers);
            let code = code.unwrap_or_else(|| panic!("{method}: no code"));
            assert_ne!(code, "0", "{method}");
            assert!(head.headers.contains_key("x-request-id"), "{method}");
        }
    }
    for bytes in [&b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"[..], b"\0\0\0", b"PRI * HTTP/2.0\r\n\r\nSM"]
    {
        raw(server.address, bytes);
    }
    within(orders(&server).await.get(GetRequest { id: 1 })).await.unwrap();
    server.stop();
}
