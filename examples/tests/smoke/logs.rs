//! What stands in the log, and what does not.

use serde_json::Value;

use http::Method;

use crate::{
    client::{call, get},
    server::{HTTP_HOSTS, Server},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn a_panic_is_in_the_log_and_not_in_the_answer() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let answer = get(server.address, "/panic").await;
        let problem = answer.assert_problem(500);
        assert!(!String::from_utf8_lossy(&answer.body).contains("do not show"), "{host}");
        let error_id = problem["error_id"].as_str().unwrap();
        server.logs(&[error_id, "do not show this: 4711"]);
        server.stop();
    }
}

#[tokio::test]
async fn every_line_is_an_object_where_that_was_asked_for() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--log", "json"]);
        let traced = call(server.address, Method::GET, "/panic?token=secret");
        let traced = traced.header("traceparent", &format!("00-{TRACE}-b7ad6b7169203331-01"));
        let problem = traced.header("x-request-id", "smoke-1").send().await.assert_problem(500);
        assert_eq!(problem["trace_id"], TRACE);
        get(server.address, "/nothing?password=secret").await.assert_problem(404);

        let lines = server.stop();
        let lines: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of_request: Vec<_> =
            lines.iter().filter(|line| line["request_id"] == "smoke-1").collect();
        assert!(
            of_request.iter().any(|line| line["target"] == "tower_ready_obs::access"),
            "{host}: {lines:?}"
        );
        assert!(of_request.iter().all(|line| line["trace_id"] == TRACE), "{host}: {lines:?}");
        assert!(lines.iter().any(|line| line["target"] == "panic"), "{host}: {lines:?}");
        assert!(!format!("{lines:?}").contains("secret"), "{host}: {lines:?}");
    }
}
