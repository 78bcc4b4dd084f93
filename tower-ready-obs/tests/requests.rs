//! What is counted of a request, on every host, over real sockets.

use http::StatusCode;
use tower_ready_obs::{GrpcMethods, Metrics, MetricsBuilder, Scrape};
use tower_ready_testing::{Call, Route, Server, Speaks, each_host};

fn builder() -> MetricsBuilder {
    let methods = GrpcMethods::new()
        .service("testing.v1.Probe", ["A", "B"])
        .streaming("testing.v1.Probe", ["Stream"]);
    Metrics::builder().grpc(methods)
}

fn metrics() -> Metrics {
    builder().build().unwrap()
}

/// The family of this host with these labels, and its status under either name.
fn counted(server: &Server, status: &str, code: &str, rest: &str) -> String {
    match server.speaks() {
        Speaks::Http => format!(
            "http_server_request_duration_seconds_count{{http_response_status_code=\"{status}\",{rest}}}"
        ),
        Speaks::Grpc => format!(
            "rpc_server_call_duration_seconds_count{{rpc_response_status_code=\"{code}\",{rest}}}"
        ),
    }
}

/// A client may have its answer a moment before the server is done with it.
async fn until(server: &Server, metrics: &Metrics, selector: &str, expected: f64) -> Scrape {
    let expected = |scrape: &Scrape| {
        scrape.sum(selector) == expected && scrape.sum("http_server_active_requests") == 0.0
    };
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let scrape = metrics.scrape();
        if expected(&scrape) {
            return scrape;
        }
        assert!(
            tokio::time::Instant::now() < patience,
            "{selector} does not come about; {server:?}:\n{}",
            metrics.to_text()
        );
        tokio::task::yield_now().await;
    }
}

each_host! {
    async fn a_good_answer_is_counted(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        for _ in 0..3 {
            server.call(Call::ok()).await.assert_ok();
        }
        let good = counted(&server, "200", "OK", "error_type=\"\"");
        let scrape = until(&server, &metrics, &good, 3.0).await;
        assert_eq!(scrape.series(&good), 1);
    }

    async fn one_series_across_routes_and_connections(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        for route in Route::ALL {
            server.connect().call(Call::ok().on(route)).await.assert_ok();
        }
        let good = counted(&server, "200", "OK", "");
        let scrape = until(&server, &metrics, &good, 3.0).await;
        assert_eq!(scrape.series("http_server_active_requests"), 1);
    }

    async fn a_failure_is_an_error_by_its_status(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        server.call(Call::fail(StatusCode::SERVICE_UNAVAILABLE, 14, "no")).await;
        server.call(Call::fail(StatusCode::NOT_FOUND, 5, "no")).await;
        let error = match server.speaks() {
            Speaks::Http => "error_type=\"503\"",
            Speaks::Grpc => "error_type=\"UNAVAILABLE\"",
        };
        let failed = counted(&server, "503", "UNAVAILABLE", error);
        until(&server, &metrics, &failed, 1.0).await;
        let not_found = counted(&server, "404", "NOT_FOUND", "error_type=\"\"");
        until(&server, &metrics, &not_found, 1.0).await;
    }

    async fn a_stream_is_counted_when_it_is_over(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        let mut stream = server.stream(Call::stream(2).then_wait()).await;
        assert!(stream.message().await.is_some());
        assert!(stream.message().await.is_some());
        let scrape = metrics.scrape();
        scrape.assert("http_server_active_requests", 1.0);
        scrape.assert("http_server_request_duration_seconds_count", 0.0);
        scrape.assert("tower_ready_rpc_stream_duration_seconds_count", 0.0);
        server.release(1);
        assert!(stream.message().await.is_none());
        let over = match server.speaks() {
            Speaks::Http => "http_server_request_duration_seconds_count{error_type=\"\"}",
            Speaks::Grpc => {
                "tower_ready_rpc_stream_duration_seconds_count{rpc_response_status_code=\"OK\"}"
            }
        };
        until(&server, &metrics, over, 1.0).await;
    }

    async fn a_stream_that_breaks_is_a_failure(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        let _ = server.call(Call::stream(2).then_break()).await;
        let broken = match server.speaks() {
            Speaks::Http => "http_server_request_duration_seconds_count{error_type=\"body\"}",
            Speaks::Grpc => "tower_ready_rpc_stream_duration_seconds_count{error_type!=\"\"}",
        };
        until(&server, &metrics, broken, 1.0).await;
    }

    async fn a_caller_that_leaves_is_counted(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        let call = server.start(Call::ok().gated());
        server.until(|counts| counts.waiting == 1).await;
        drop(call);
        let left = match server.speaks() {
            Speaks::Http => "http_server_request_duration_seconds_count{error_type=\"cancelled\",http_response_status_code=\"\"}",
            Speaks::Grpc => "rpc_server_call_duration_seconds_count{error_type=\"cancelled\",rpc_response_status_code=\"CANCELLED\"}",
        };
        until(&server, &metrics, left, 1.0).await;
    }

    async fn a_panic_is_counted(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        let _ = server.call(Call::panic()).await;
        until(&server, &metrics, "tower_ready_panics_total", 1.0).await;
        let panicked = match server.speaks() {
            Speaks::Http => "http_server_request_duration_seconds_count{error_type=\"panic\"}",
            Speaks::Grpc => "rpc_server_call_duration_seconds_count{error_type=\"panic\"}",
        };
        until(&server, &metrics, panicked, 1.0).await;
    }

    async fn what_is_not_to_be_counted_is_not(host) {
        let metrics = metrics();
        let layer = metrics.layer().when(|head| !head.headers().contains_key("x-probe"));
        let server = host.serve(layer).await;
        server.call(Call::ok().header("x-probe", "1")).await.assert_ok();
        server.call(Call::ok()).await.assert_ok();
        let good = counted(&server, "200", "OK", "");
        until(&server, &metrics, &good, 1.0).await;
    }

    #[hosts(tonic, tonic_in_axum)]
    async fn methods_that_nobody_declared_are_other(host) {
        let metrics = metrics();
        let server = host.serve(metrics.layer()).await;
        for route in Route::ALL {
            server.call(Call::ok().on(route)).await.assert_ok();
        }
        let method = |name: &str| {
            format!("rpc_server_call_duration_seconds_count{{rpc_method=\"{name}\"}}")
        };
        let scrape = until(&server, &metrics, &method("_OTHER"), 1.0).await;
        scrape.assert(&method("testing.v1.Probe/A"), 1.0);
        scrape.assert(&method("testing.v1.Probe/B"), 1.0);
    }
}
