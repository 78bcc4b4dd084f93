//! Probes in front of every host, over real sockets.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::sync::watch;
use tower_ready_core::LocalRejection;
use tower_ready_shutdown::{
    Lifecycle,
    health::{Check, Detail, Health},
};
use tower_ready_testing::{
    Call, alloc, assert_fits_every_host,
    contract::{self, bounds},
    each_host,
};

/// A check that passes while the value is true.
fn database(up: &watch::Sender<bool>) -> Check {
    let up = up.subscribe();
    Check::new("database", move || {
        let is_up = *up.borrow();
        async move { if is_up { Ok(()) } else { Err("it is down") } }
    })
    .every(Duration::from_millis(20))
    .timeout(Duration::from_millis(20))
    .max_stale(Duration::from_secs(60))
}

async fn ask(address: SocketAddr, method: Method, path: &str) -> Response<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let uri = format!("http://{address}{path}");
    let request = Request::builder().method(method).uri(uri).body(Empty::new()).unwrap();
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let response = ask(address, Method::GET, path).await;
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    (response.status().as_u16(), text)
}

fn pass() -> (u16, String) {
    (200, "pass\n".to_owned())
}

fn fail() -> (u16, String) {
    (503, "fail\n".to_owned())
}

each_host! {
    async fn probes_are_answered_in_front_and_all_else_passes(host) {
        let up = watch::Sender::new(true);
        let health = Health::builder().check(database(&up)).build().unwrap();
        health.until_ready().await;
        let server = host.serve(health.layer()).await;
        for path in ["/livez", "/readyz", "/startupz", "/readyz?verbose"] {
            assert_eq!(get(server.address(), path).await, pass(), "{path}");
        }
        assert_eq!(server.hits(), 0);
        server.call(Call::ok()).await.assert_ok();
        server.call(Call::fail(StatusCode::CONFLICT, 10, "taken"))
            .await
            .assert_rejected(StatusCode::CONFLICT, 10);
        let reply = server.call(Call::stream(3)).await;
        assert_eq!(reply.messages(), ["chunk 0", "chunk 1", "chunk 2"]);
        assert_eq!(server.hits(), 3);
    }

    async fn a_dead_database_takes_the_instance_out_and_leaves_it_alive(host) {
        let up = watch::Sender::new(true);
        let health = Health::builder().check(database(&up)).build().unwrap();
        health.until_ready().await;
        let server = host.serve(health.layer().detail(Detail::Names)).await;
        up.send_replace(false);
        while get(server.address(), "/readyz").await != fail() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let lines = get(server.address(), "/readyz?verbose").await;
        assert_eq!(lines, (503, "lifecycle: pass\ndatabase: fail\n".to_owned()));
        assert_eq!(get(server.address(), "/livez").await, pass());
        // It is the balancer's business to send nobody; who comes is served.
        server.call(Call::ok()).await.assert_ok();
    }

    async fn a_drain_is_seen_at_once_and_can_be_taken_back(host) {
        let lifecycle = Lifecycle::builder().build().unwrap();
        let health = Health::builder().lifecycle(&lifecycle).build().unwrap();
        let server = host.serve(health.layer()).await;
        assert_eq!(get(server.address(), "/readyz").await, fail());
        assert_eq!(get(server.address(), "/startupz").await, fail());
        lifecycle.ready();
        assert_eq!(get(server.address(), "/readyz").await, pass());
        lifecycle.drain();
        assert_eq!(get(server.address(), "/readyz").await, fail());
        assert_eq!(get(server.address(), "/livez").await, pass());
        server.call(Call::ok()).await.assert_ok();
        assert!(lifecycle.resume());
        assert_eq!(get(server.address(), "/readyz").await, pass());
    }

    async fn the_same_truth_on_every_connection(host) {
        let health = Health::builder().build().unwrap();
        let server = host.serve(health.layer()).await;
        assert_eq!(get(server.address(), "/livez").await, pass());
        health.declare_broken("the writer died");
        for _ in 0..3 {
            assert_eq!(get(server.address(), "/livez").await, fail());
        }
    }

    async fn a_head_has_the_length_and_no_body(host) {
        let health = Health::builder().build().unwrap();
        let server = host.serve(health.layer()).await;
        let response = ask(server.address(), Method::HEAD, "/readyz").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.version(), Version::HTTP_11);
        assert_eq!(response.headers()["content-length"], "5");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(response.body().is_empty());
        let response = ask(server.address(), Method::POST, "/readyz").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
        assert_eq!(server.hits(), 0);
    }

    async fn paths_can_be_chosen(host) {
        let health = Health::builder().build().unwrap();
        let layer = health.layer().ready_at("/health").live_at("/alive").startup_at("/started");
        let server = host.serve(layer).await;
        for path in ["/health", "/alive", "/started"] {
            assert_eq!(get(server.address(), path).await, pass(), "{path}");
        }
        assert_ne!(get(server.address(), "/readyz").await, pass());
        assert_ne!(get(server.address(), "/health/").await, pass());
    }

    async fn a_disabled_layer_is_none(host) {
        let health = Health::builder().build().unwrap();
        let server = host.serve(health.layer().enabled(false)).await;
        assert_ne!(get(server.address(), "/readyz").await, pass());
        server.call(Call::ok()).await.assert_ok();
    }
}

#[tokio::test]
async fn it_fits_wherever_a_host_takes_a_layer() {
    let health = Health::builder().build().unwrap();
    assert_fits_every_host!(health.layer());
}

#[tokio::test]
async fn it_keeps_the_contract_of_a_layer() {
    let health = Health::builder().build().unwrap();
    contract::check(|| health.layer()).await;
    contract::check(|| health.layer().enabled(false)).await;
    bounds::check(&health.layer());
}

#[tokio::test]
async fn a_probe_leaves_the_inner_service_alone() {
    use tower::{Layer, ServiceExt, service_fn};

    let health = Health::builder().build().unwrap();
    let inner = service_fn(|_: Request<Empty<Bytes>>| async {
        Err::<Response<Empty<Bytes>>, _>("it was called")
    });
    for path in ["/readyz", "/livez", "/startupz"] {
        let request = Request::get(path).body(Empty::new()).unwrap();
        let response = health.layer().layer(inner).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.extensions().get::<LocalRejection>().is_none());
    }
    let request = Request::get("/").body(Empty::new()).unwrap();
    assert_eq!(health.layer().layer(inner).oneshot(request).await.unwrap_err(), "it was called");
}

#[tokio::test]
async fn a_request_that_is_no_probe_costs_no_allocation() {
    use tower::{Layer, Service, service_fn};

    let health = Health::builder().build().unwrap();
    let inner = service_fn(|_: Request<Empty<Bytes>>| {
        std::future::ready(Ok::<_, ()>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = health.layer().layer(inner);
    for path in ["/", "/readyz/", "/grpc.health.v1.Healthy/Check", "/orders/17"] {
        let request = Request::get(path).body(Empty::new()).unwrap();
        let (future, allocations) = alloc::counted(|| service.call(request));
        assert_eq!(allocations.count, 0, "{path}");
        future.await.unwrap();
    }
}
