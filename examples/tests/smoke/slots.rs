//! How many requests are served at a time.

use http::Method;
use http_body_util::BodyExt;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;
use tower_ready_examples::proto::{SlowRequest, WatchRequest, orders_client::OrdersClient};

use crate::{
    client::{call, get, within},
    server::{HTTP_HOSTS, Server},
};

#[tokio::test]
async fn a_request_has_its_slot_to_the_end_of_its_body() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--max-in-flight", "1"]);
        let path = "/stream?chunks=2&every_ms=600000";
        let stream = call(server.address, Method::GET, path).open().await;
        let refused = get(server.address, "/").await;
        assert_eq!(refused.assert_problem(503)["code"], "OVERLOADED", "{host}");
        assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{host}");

        let mut body = stream.into_body();
        let line = within(body.frame()).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(line, "line 1\n", "{host}");
        get(server.address, "/").await.assert_problem(503);
        drop(body);
        let passes = async { while get(server.address, "/").await.status != 200 {} };
        within(passes).await;
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_without_a_slot_is_told_when_to_come_back() {
    let server = Server::start("tonic", &["--max-in-flight", "1"]);
    let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    let channel = within(endpoint.connect()).await.unwrap();
    let mut orders = OrdersClient::new(channel.clone());
    let watch = WatchRequest { chunks: 2, every_ms: 60_000, fail_after: 0 };
    let watch = within(orders.watch(watch)).await.unwrap();

    let refused = within(orders.slow(SlowRequest { ms: 0 })).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.get_details_retry_info().is_some());
    // Probes are answered in any case.
    let mut health = HealthClient::new(channel);
    within(health.check(HealthCheckRequest::default())).await.unwrap();

    drop(watch);
    let passes = async { while orders.slow(SlowRequest { ms: 0 }).await.is_err() {} };
    within(passes).await;
    server.stop();
}
