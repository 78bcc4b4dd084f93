//! What happened, and to whom.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    routing::get_service,
};
use http::Method;
use tower::ServiceBuilder;
use tower_ready_obs::{ClientTracing, Edge, Metrics, RouteTable, Tracing};
use tower_ready_problem::ProblemLayer;
use tower_ready_testing::logs;

use crate::{
    client::{Answer, call, get},
    finding::{comes_true, finding, finding_in_time, holds},
    server::PATIENCE,
    service::{Upstream, bare, calling, calls, handlers, serve},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A service that calls another one, with traces and ids or without.
fn hops(upstream: SocketAddr, is_traced: bool) -> Router {
    if !is_traced {
        return handlers().merge(calling(bare(), upstream));
    }
    let tracing = Tracing::builder().edge(Edge::Trusted).build().unwrap();
    let client = ClientTracing::builder().build().unwrap();
    let client = calls(ServiceBuilder::new().layer(client.layer()).service(bare()));
    handlers().merge(calling(client, upstream)).layer((tracing.layer(), ProblemLayer::default()))
}

#[tokio::test]
async fn no_metrics_with_route_and_status_and_no_gauge() {
    let metrics = Metrics::builder().routes(RouteTable::new(["/orders/{id}"])).build().unwrap();
    let protected = handlers().layer(metrics.layer());
    let protected = protected.route("/metrics", get_service(metrics.scrape_service()));
    finding_in_time(serve(handlers()).await, serve(protected).await, async |server, patience| {
        get(server, "/orders/7").await;
        get(server, "/orders/x").await;
        let has = async |words: &[&str]| {
            let is_there = async || {
                let page = get(server, "/metrics").await.body;
                let is_it = |line: &str| words.iter().all(|word| line.contains(word));
                String::from_utf8_lossy(&page).lines().any(is_it)
            };
            comes_true(patience, is_there).await
        };
        let (name, route) = ("http_server_request_duration_seconds_count", "=\"/orders/{id}\"");
        let read = has(&[name, route, "=\"200\"", " 1"]).await;
        holds(read, "nobody knows how many orders are read")?;
        holds(has(&[name, route, "=\"400\"", " 1"]).await, "nor how many of them fail")?;
        holds(has(&["http_server_active_requests{"]).await, "nor how many are under way")
    })
    .await;
}

#[tokio::test]
async fn no_traces_across_hops() {
    let (_, upstream) = Upstream::start(200).await;
    let (unprotected, protected) =
        (serve(hops(upstream, false)).await, serve(hops(upstream, true)).await);
    finding(unprotected, protected, async |server| {
        for speaks in ["text/plain", "application/grpc"] {
            let call = call(server, Method::GET, "/upstream").header("x-speaks", speaks);
            let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
            let told = call.header("traceparent", &parent).send().await.json();
            let told = told["traceparent"].as_str().unwrap_or_default();
            holds(
                told.contains(TRACE),
                format!("the trace ends here: the next hop hears {told:?}"),
            )?;
            assert!(!told.contains("b7ad6b7169203331"), "our own span is the parent of the call");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn no_request_id_or_another_in_each_place() {
    let (_, upstream) = Upstream::start(200).await;
    let (unprotected, protected) =
        (serve(hops(upstream, false)).await, serve(hops(upstream, true)).await);
    finding(unprotected, protected, async |server| {
        let logs = logs::capture();
        let ask = async |path| {
            call(server, Method::GET, path).header("x-request-id", "audit-71").send().await
        };
        let answer: Answer = ask("/nothing").await;
        holds(answer.header("x-request-id") == "audit-71", "no id in the header")?;
        holds(answer.json()["request_id"] == "audit-71", "no id in the error's body")?;
        let next = ask("/upstream").await.json();
        holds(next["x-request-id"] == "audit-71", "no id on the call to the next service")?;
        let access = || logs.under("tower_ready_obs::access");
        assert!(comes_true(PATIENCE, async || access().len() == 2).await);
        let has_it = |line: &logs::Event| line.field("request_id") == Some("audit-71");
        holds(access().iter().all(has_it), format!("no id in the log: {:?}", access()))
    })
    .await;
}

#[tokio::test]
async fn secrets_and_personal_data_in_logs() {
    let by_hand = handlers().layer(from_fn(async |request: Request, next: Next| {
        tracing::info!(uri = %request.uri(), headers = ?request.headers(), "a request");
        next.run(request).await
    }));
    let tracing = Tracing::builder().build().unwrap();
    let protected = serve(handlers().layer(tracing.layer())).await;
    finding(serve(by_hand).await, protected, async |server| {
        let logs = logs::capture();
        let call = call(server, Method::GET, "/orders/7?email=alice@example.org&key=hidden-71");
        call.by("hidden-72").header("cookie", "session=hidden-73").send().await;
        let is_told = async || logs.text().contains("/orders/7");
        assert!(comes_true(PATIENCE, is_told).await, "nothing in the log");
        let lines = logs.text();
        let secret = ["hidden-71", "hidden-72", "hidden-73", "alice@example.org"];
        let secret = secret.into_iter().find(|secret| lines.contains(secret));
        holds(secret.is_none(), format!("in the log: {secret:?}"))
    })
    .await;
}

#[tokio::test]
async fn strangers_choose_our_trace_ids() {
    let at = |edge| {
        let tracing = Tracing::builder().edge(edge).build().unwrap();
        handlers().layer((tracing.layer(), ProblemLayer::default()))
    };
    let (unprotected, protected) =
        (serve(at(Edge::Trusted)).await, serve(at(Edge::Untrusted)).await);
    finding(unprotected, protected, async |server| {
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        let call = call(server, Method::GET, "/nothing").header("traceparent", &parent);
        let problem = call.header("x-request-id", "mine").send().await.assert_problem(404);
        holds(problem["trace_id"] != TRACE, "a stranger writes into our traces")?;
        holds(problem["request_id"] != "mine", "a stranger names our requests")
    })
    .await;
}
