//! What a server tells of itself: probes, metrics, traces.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::State, routing::post};
use bytes::Bytes;
use http::{Method, Uri};
use tonic::transport::Channel;
use tower_ready_examples::proto::{FailRequest, orders_client::OrdersClient};

use crate::{
    client::{call, get, order_7, within},
    server::{HTTP_HOSTS, Server},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-b7ad6b7169203331-{flags}")
}

#[tokio::test]
async fn a_server_says_how_it_is() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--admin", "127.0.0.1:0"]);
        for address in [server.address, server.admin.unwrap()] {
            for path in ["/livez", "/readyz", "/startupz"] {
                assert_eq!(get(address, path).await.status, 200, "{host}: {path}");
            }
            let lines = get(address, "/readyz?verbose").await.body;
            assert!(String::from_utf8_lossy(&lines).contains(": pass"), "{host}: {lines:?}");
        }
        // Neither counted nor limited.
        let metrics = get(server.admin.unwrap(), "/metrics").await.body;
        assert!(!String::from_utf8_lossy(&metrics).contains("readyz"), "{host}");
        get(server.address, "/metrics").await.assert_problem(404);
        server.stop();
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        order_7(server.address, &server.token).await;
        get(server.address, "/orders/7").await.assert_problem(401);
        get(server.address, "/panic").await.assert_problem(500);
        get(server.address, "/nothing/at/all").await.assert_problem(404);
        get(server.address, "/stream?chunks=2").await;
        let odd = call(server.address, Method::from_bytes(b"BREW").unwrap(), "/").send().await;
        odd.assert_problem(405);
        let sampled = call(server.address, Method::GET, "/");
        sampled.header("traceparent", &traceparent("01")).send().await;

        let text = get(server.address, "/metrics").await;
        assert!(text.header("content-type").starts_with("text/plain; version=0.0.4"), "{host}");
        let text = String::from_utf8(text.body.to_vec()).unwrap();
        for labels in [
            &["http_request_method=\"GET\"", "http_route=\"/orders/{id}\"", "=\"200\""][..],
            &["http_route=\"/orders/{id}\"", "http_response_status_code=\"401\""],
            &["http_route=\"/panic\"", "=\"500\"", "error_type="],
            &["http_route=\"/stream\"", "=\"200\""],
            &["http_request_method=\"_OTHER\"", "=\"405\""],
        ] {
            let is_counted = text.lines().any(|line| {
                line.starts_with("http_server_request_duration_seconds_count")
                    && labels.iter().all(|label| line.contains(label))
            });
            assert!(is_counted, "{host}: {labels:?} in {text}");
        }
        assert!(text.contains("http_server_active_requests"), "{host}");
        assert!(text.contains("tower_ready_rejections_total{layer=\"auth\""), "{host}");
        assert!(!text.contains("/nothing/at/all") && !text.contains("/metrics"), "{host}");

        let open = "application/openmetrics-text; version=1.0.0";
        let open =
            call(server.address, Method::GET, "/metrics").header("accept", open).send().await;
        let open = String::from_utf8(open.body.to_vec()).unwrap();
        assert!(open.contains(&format!("trace_id=\"{TRACE}\"")), "{host}: no exemplar");
        assert!(open.ends_with("# EOF\n"), "{host}");
        let gzip = call(server.address, Method::GET, "/metrics").header("accept-encoding", "gzip");
        assert_eq!(&gzip.send().await.body[..2], b"\x1f\x8b", "{host}");
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn calls_are_counted_by_method_and_code() {
    let server = Server::start("tonic", &["--admin", "127.0.0.1:0"]);
    let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    let mut orders = OrdersClient::new(within(endpoint.connect()).await.unwrap());
    let failure = FailRequest { code: 14, message: "no".to_owned() };
    within(orders.fail(failure)).await.unwrap_err();
    let metrics = get(server.admin.unwrap(), "/metrics").await.body;
    let text = String::from_utf8(metrics.to_vec()).unwrap();
    let is_counted = text.lines().any(|line| {
        line.starts_with("rpc_server_call_duration_seconds_count")
            && line.contains("rpc_method=\"orders.v1.Orders/Fail\"")
            && line.contains("\"UNAVAILABLE\"")
            && line.contains("error_type=")
    });
    assert!(is_counted, "{text}");
    server.stop();
}

#[tokio::test]
async fn strangers_are_not_believed_about_ids() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--edge", "untrusted"]);
        let asked = call(server.address, Method::GET, "/nothing");
        let asked = asked.header("traceparent", &traceparent("01")).header("x-request-id", "mine");
        let problem = asked.send().await;
        let body = problem.assert_problem(404);
        assert_ne!(body["trace_id"], TRACE, "{host}");
        assert_ne!(problem.header("x-request-id"), "mine", "{host}");
        server.stop();
    }
}

type Received = Arc<Mutex<Vec<(String, Bytes)>>>;

async fn take(State(received): State<Received>, uri: Uri, body: Bytes) {
    received.lock().unwrap().push((uri.path().to_owned(), body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_collector_hears_of_sampled_requests_before_the_end() {
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(post(take)).with_state(received.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--otlp", &collector]);
        for flags in ["01", "00"] {
            // The trace that is not sampled has another id.
            let trace = traceparent(flags).replace(
                if flags == "00" { "0af7" } else { "-" },
                if flags == "00" { "beef" } else { "-" },
            );
            call(server.address, Method::GET, "/").header("traceparent", &trace).send().await;
        }
        server.stop();
        let received: Vec<_> = received.lock().unwrap().drain(..).collect();
        let spans = received.iter().filter(|(path, _)| path == "/v1/traces");
        let spans: Vec<u8> = spans.flat_map(|(_, body)| body.to_vec()).collect();
        let has = |bytes: &[u8]| spans.windows(bytes.len()).any(|window| window == bytes);
        assert!(has(format!("tower-ready-example-{host}").as_bytes()), "{host}");
        assert!(has(b"\x0a\xf7\x65\x19\x16\xcd\x43\xdd"), "{host}: no span of the trace");
        assert!(!has(b"\xbe\xef\x65\x19\x16\xcd\x43\xdd"), "{host}: one that is not sampled");
        assert!(received.iter().any(|(path, _)| path == "/v1/metrics"), "{host}");
    }
}
