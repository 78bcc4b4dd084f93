//! Calls to another service.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get as on_get};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

use crate::{
    client::{call, get, within},
    server::{HTTP_HOSTS, Server},
};

/// A service that answers with a status, and says what it was told.
#[derive(Clone, Default)]
struct Upstream(Arc<(AtomicU16, AtomicUsize)>);

impl Upstream {
    async fn start(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/base/hang", on_get(std::future::pending::<()>))
            .fallback(answer)
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        self.says(200);
        address
    }

    fn says(&self, status: u16) {
        self.0.0.store(status, Ordering::SeqCst);
    }

    fn calls(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

async fn answer(
    State(upstream): State<Upstream>,
    uri: Uri,
    headers: HeaderMap,
) -> impl IntoResponse {
    upstream.0.1.fetch_add(1, Ordering::SeqCst);
    let status = StatusCode::from_u16(upstream.0.0.load(Ordering::SeqCst)).unwrap();
    let told: Value = headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap_or_default())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    (status, Json(json!({"uri": uri.to_string(), "told": told})))
}

fn base(address: SocketAddr) -> String {
    format!("http://{address}/base/")
}

#[tokio::test]
async fn an_upstream_hears_of_time_trace_and_request_and_of_no_credentials() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    let upstream = Upstream::default();
    let base = base(upstream.start().await);
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--upstream", &base, "--upstream-timeout", "20s"]);
        let asked = call(server.address, Method::GET, "/upstream/a/b?x=1").by(&server.token);
        let asked = asked
            .header("x-request-id", "smoke-3")
            .header("x-request-timeout-ms", "9000")
            .header("traceparent", &format!("00-{TRACE}-b7ad6b7169203331-01"))
            .header("tracestate", "a=b");
        let answer = asked.send().await;
        assert_eq!(answer.status, 200, "{host}: {:?}", answer.body);
        let told = answer.json();
        assert_eq!(told["uri"], "/base/a/b?x=1", "{host}");
        let told = |name: &str| told["told"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!(told("x-request-id"), "smoke-3", "{host}");
        assert!(told("traceparent").contains(TRACE), "{host}");
        assert!(!told("traceparent").contains("b7ad6b7169203331"), "{host}");
        assert_eq!(told("tracestate"), "a=b", "{host}");
        let left: u64 = told("x-request-timeout-ms").parse().unwrap();
        assert!((1..9_000).contains(&left), "{host}: {left}");
        assert_eq!(told("authorization"), "", "{host}");

        for path in ["/upstream/../a", "/upstream/%2E%2e/a", "/upstream/a/./b"] {
            let refused = call(server.address, Method::GET, path).send().await;
            assert_eq!(refused.status, 400, "{host}: {path}");
        }
        server.stop();

        let server = Server::start(host, &["--upstream", &base]);
        let patient = get(server.address, "/upstream/a").await.json();
        let left = patient["told"]["x-request-timeout-ms"].as_str().unwrap().parse::<u64>();
        assert!((1..=1_000).contains(&left.unwrap()), "{host}: an attempt has a second");
        server.stop();
    }
}

#[tokio::test]
async fn each_way_to_fail_has_its_status() {
    let upstream = Upstream::default();
    let base = base(upstream.start().await);
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--upstream", &base, "--upstream-timeout", "500ms"]);
        get(server.address, "/upstream/hang").await.assert_problem(504);
        upstream.says(404);
        get(server.address, "/upstream/a").await.assert_problem(404);
        upstream.says(200);
        assert_eq!(get(server.address, "/upstream/a").await.status, 200, "{host}");
        server.stop();

        // Bound, so that nobody else gets it, and not listening.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let nobody = socket.local_addr().unwrap();
        let server = Server::start(host, &["--upstream", &format!("http://{nobody}")]);
        get(server.address, "/upstream/a").await.assert_problem(502);
        server.stop();

        let server = Server::start(host, &[]);
        get(server.address, "/upstream/a").await.assert_problem(404);
        server.stop();
    }
}

#[tokio::test]
async fn callers_in_a_hurry_do_not_shut_the_circuit_for_others() {
    let upstream = Upstream::default();
    let base = base(upstream.start().await);
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--upstream", &base]);
        for _ in 0..8 {
            let hurried = call(server.address, Method::GET, "/upstream/hang");
            let hurried = hurried.header("x-request-timeout-ms", "50").send().await;
            assert_eq!(hurried.assert_problem(504)["code"], "TIMEOUT", "{host}");
        }
        assert_eq!(get(server.address, "/upstream/a").await.status, 200, "{host}");
        server.stop();
    }
}

#[tokio::test]
async fn a_dead_upstream_is_left_alone_and_tried_again() {
    for host in HTTP_HOSTS {
        let upstream = Upstream::default();
        let base = base(upstream.start().await);
        let flags = ["--upstream", &base, "--breaker-open", "300ms", "--upstream-timeout", "5s"];
        let server = Server::start(host, &flags);
        upstream.says(503);
        get(server.address, "/upstream/a").await.assert_problem(503);
        assert_eq!(upstream.calls(), 3, "{host}: two retries at most");
        let refused = get(server.address, "/upstream/a").await;
        assert_eq!(refused.assert_problem(503)["code"], "CIRCUIT_OPEN", "{host}");
        assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{host}");
        assert_eq!(upstream.calls(), 5, "{host}: the fifth failure opens it");

        upstream.says(200);
        let is_well = async {
            while get(server.address, "/upstream/a").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(is_well).await;
        assert_eq!(get(server.address, "/upstream/a").await.status, 200, "{host}");
        server.logs(&["circuit changed", "closed"]);
        server.stop();
    }
}
