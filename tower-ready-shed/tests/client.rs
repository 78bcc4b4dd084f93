//! The same layer around a client: it bounds what a dependency is asked at a time.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{Layer, ServiceExt};
use tower_ready_core::LocalRejection;
use tower_ready_shed::Bulkhead;
use tower_ready_testing::hosts::Hyper;

#[tokio::test]
async fn a_client_asks_no_more_of_a_server_than_it_may() {
    let server = Hyper.serve(tower::layer::util::Identity::new()).await;
    let bulkhead = Bulkhead::builder().limit(1).build().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let client = bulkhead.layer().layer(client);
    let get = |path: &str| {
        let uri = format!("http://{}{path}", server.address());
        Request::get(uri).body(Empty::new()).unwrap()
    };

    let held = tokio::spawn(client.clone().oneshot(get("/probe/a?gated=1")));
    server.until(|counts| counts.waiting == 1).await;
    let refused = client.clone().oneshot(get("/probe/a")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.extensions().get::<LocalRejection>().is_some());
    assert_eq!(server.hits(), 1, "it was not asked");

    server.release(1);
    let answer = held.await.unwrap().unwrap();
    assert_eq!(bulkhead.in_flight(), 1, "its body is not read yet");
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    let answer = client.oneshot(get("/probe/a")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
