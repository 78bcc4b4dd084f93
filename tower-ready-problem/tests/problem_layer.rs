//! What goes wrong inside of a problem layer, on every host.

#![cfg(all(feature = "tower", feature = "tracing"))]

mod support;

use std::time::Duration;

use http::StatusCode;
use support::{Fail, OutOfStock, Unready};
use tonic_types::StatusExt;
use tower::{
    ServiceBuilder,
    load_shed::error::Overloaded,
    timeout::{TimeoutLayer, error::Elapsed},
};
use tower_http::catch_panic::CatchPanicLayer;
use tower_ready_problem::{Problem, ProblemLayer, ProblemType, Problems, grpc::Code};
use tower_ready_testing::{Call, Reply, Speaks, each_host, logs};

static OUT_OF_STOCK: ProblemType =
    ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");

/// The machine code and the ids that a caller was told.
struct Told {
    code: String,
    request_id: String,
    error_id: Option<String>,
}

fn told(reply: &Reply, speaks: Speaks) -> Told {
    if speaks == Speaks::Http {
        let problem = reply.problem();
        let text = |name: &str| problem[name].as_str().map(str::to_owned);
        Told {
            code: text("code").unwrap(),
            request_id: text("request_id").unwrap(),
            error_id: text("error_id"),
        }
    } else {
        let details = reply.grpc().get_error_details();
        let info = details.error_info().unwrap();
        Told {
            code: info.reason.clone(),
            request_id: details.request_info().unwrap().request_id.clone(),
            error_id: info.metadata.get("error_id").cloned(),
        }
    }
}

/// The answer tells nothing of the secret, and the log tells it under the id of the answer.
#[track_caller]
fn assert_hidden(reply: &Reply, speaks: Speaks, logs: &logs::Logs, secret: &str) {
    let shown = format!("{reply:?} {:?}", reply.headers());
    assert!(!shown.contains("K-4711") && !shown.contains(secret), "{shown}");
    let told = told(reply, speaks);
    let text = logs.text();
    let line = text.lines().find(|line| line.contains(secret)).expect("the secret is in the log");
    assert!(line.contains(&told.error_id.unwrap()), "{line}");
    assert!(line.contains(&told.request_id), "{line}");
}

each_host! {
    async fn what_is_good_passes_untouched(host) {
        let server = host.serve(ProblemLayer::default()).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_ok();
        assert_eq!(reply.text(), "ok");
        let reply = server.call(Call::stream(3)).await;
        reply.assert_ok();
        assert_eq!(reply.messages(), ["chunk 0", "chunk 1", "chunk 2"]);
    }

    async fn a_panic_becomes_a_problem_and_its_words_go_to_the_log(host) {
        let logs = logs::capture();
        let server = host.serve(ProblemLayer::default()).await;
        let reply = server.call(Call::panic()).await;
        reply.assert_rejected(StatusCode::INTERNAL_SERVER_ERROR, 13);
        assert_hidden(&reply, server.speaks(), &logs, "do not show this: K-4711");
        server.call(Call::ok()).await.assert_ok();
    }

    /// tower-http's own answer to a panic is plain text, which a gRPC client cannot read.
    async fn a_panic_that_somebody_else_caught_becomes_a_problem(host) {
        let stack =
            ServiceBuilder::new().layer(ProblemLayer::default()).layer(CatchPanicLayer::new());
        let server = host.serve(stack).await;
        let reply = server.call(Call::panic()).await;
        reply.assert_rejected(StatusCode::INTERNAL_SERVER_ERROR, 13);
        assert!(!format!("{reply:?}").contains("panicked"));
    }

    async fn a_body_that_panics_never_looks_whole(host) {
        let logs = logs::capture();
        let server = host.serve(ProblemLayer::default()).await;
        let reply = server.call(Call::stream(2).then_panic()).await;
        assert!(!reply.is_ok(), "{reply:?}");
        // Hosts may drop what they have not sent yet, but nothing comes in place of it.
        assert!(["chunk 0", "chunk 1"].starts_with(&reply.messages().iter().map(|m| &**m).collect::<Vec<_>>()));
        if server.speaks() == Speaks::Grpc {
            assert_eq!(reply.code(), tonic::Code::Internal);
            assert_eq!(reply.grpc().message(), "The service failed to handle the request");
        }
        assert!(!format!("{reply:?}").contains("K-4711"));
        assert!(logs.text().contains("do not show this: K-4711"));
        server.call(Call::ok()).await.assert_ok();
    }

    async fn a_foreign_timeout_is_a_timeout(host) {
        let stack = ServiceBuilder::new()
            .layer(ProblemLayer::default())
            .layer(TimeoutLayer::new(Duration::from_millis(20)));
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok().gated()).await;
        reply.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        let told = told(&reply, server.speaks());
        assert_eq!((&*told.code, told.error_id), ("TIMEOUT", None), "nothing is hidden here");
    }

    async fn a_foreign_overload_says_when_to_come_back_and_is_not_logged(host) {
        let logs = logs::capture();
        let stack =
            ServiceBuilder::new().layer(ProblemLayer::default()).layer(Fail::with(Overloaded::new));
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        if server.speaks() == Speaks::Http {
            assert_eq!(reply.header("retry-after"), Some("1"));
        } else {
            assert_eq!(reply.header("grpc-retry-pushback-ms"), Some("1000"));
        }
        assert!(!logs.text().contains("a request failed"), "an overload is no flood of errors");
    }

    async fn an_error_that_nobody_knows_shows_nothing(host) {
        let logs = logs::capture();
        let stack =
            ServiceBuilder::new().layer(ProblemLayer::default()).layer(Fail::with(|| OutOfStock));
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::INTERNAL_SERVER_ERROR, 13);
        assert_hidden(&reply, server.speaks(), &logs, "shelf K-4711 is empty");
    }

    async fn the_users_own_map_comes_first(host) {
        let problems = Problems::builder()
            .map(|_: &OutOfStock| Problem::new(&OUT_OF_STOCK))
            .map(|_: &Elapsed| Problem::status(StatusCode::REQUEST_TIMEOUT))
            .build()
            .unwrap();
        let layer = ProblemLayer::new(problems);
        let stack = ServiceBuilder::new().layer(layer.clone()).layer(Fail::with(|| OutOfStock));
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::CONFLICT, Code::from_http(StatusCode::CONFLICT) as i32);
        assert_eq!(told(&reply, server.speaks()).code, "OUT_OF_STOCK");

        let stack = ServiceBuilder::new().layer(layer).layer(Fail::with(Elapsed::new));
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::REQUEST_TIMEOUT, 4);
    }

    async fn a_problem_that_came_as_an_error_is_answered(host) {
        let stack = ServiceBuilder::new()
            .layer(ProblemLayer::default())
            .layer(Fail::with(|| Problem::new(&OUT_OF_STOCK).detail("no teapot is left")));
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::CONFLICT, 10);
        assert_eq!(told(&reply, server.speaks()).code, "OUT_OF_STOCK");
    }

    /// A service that failed to become ready is not called; the caller hears of it all the same.
    async fn a_service_that_is_not_ready_is_not_called(host) {
        let logs = logs::capture();
        let stack = ServiceBuilder::new().layer(ProblemLayer::default()).layer(Unready);
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        assert_hidden(&reply, server.speaks(), &logs, "the pool is closed, password=K-4711");
    }

    #[hosts(axum, hyper)]
    async fn the_text_of_a_5xx_goes_to_the_log_alone(host) {
        let logs = logs::capture();
        let server = host.serve(ProblemLayer::default()).await;
        for status in [500, 502, 503, 599] {
            let status = StatusCode::from_u16(status).unwrap();
            let secret = format!("pg: {status} password=K-4711");
            let reply = server.call(Call::fail(status, 13, &secret)).await;
            assert_eq!(reply.status(), status);
            assert_hidden(&reply, server.speaks(), &logs, &secret);
        }
    }

    #[hosts(axum, hyper)]
    async fn the_text_of_a_4xx_is_for_the_caller_and_no_header_is_lost(host) {
        let server = host.serve(ProblemLayer::default()).await;
        let call = Call::fail(StatusCode::TOO_MANY_REQUESTS, 8, "slow down, \"please\"")
            .answering_with("retry-after", "7")
            .answering_with("set-cookie", "a=b")
            .answering_with("x-own", "kept")
            .answering_with("etag", "\"of the text\"");
        let reply = server.call(call).await;
        assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(reply.problem()["detail"], "slow down, \"please\"");
        assert_eq!(reply.problem()["code"], "TOO_MANY_REQUESTS");
        for (name, value) in
            [("retry-after", "7"), ("set-cookie", "a=b"), ("x-own", "kept"), ("cache-control", "no-store")]
        {
            assert_eq!(reply.header(name), Some(value));
        }
        assert_eq!(reply.header("etag"), None);
    }

    /// A status that a gRPC handler answers by itself is an answer in form.
    #[hosts(tonic, tonic_in_axum)]
    async fn a_status_of_the_handlers_own_passes(host) {
        let server = host.serve(ProblemLayer::default()).await;
        let reply = server.call(Call::fail(StatusCode::OK, 9, "not now: 100 %")).await;
        assert_eq!(reply.code(), tonic::Code::FailedPrecondition);
        assert_eq!(reply.grpc().message(), "not now: 100 %");
        let reply = server.call(Call::stream(2).then_break()).await;
        assert_ne!(reply.code(), tonic::Code::Ok);
        assert_eq!(reply.messages().len(), 2);
    }
}
