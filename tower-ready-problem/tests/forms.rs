//! The forms of an answer in the protocols that come over plain HTTP, on the wire.

mod support;

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use support::Reject;
use tower::ServiceBuilder;
use tower_ready_problem::{Problem, ProblemLayer, types};
use tower_ready_testing::{Call, Reply, Speaks, each_host};

fn problem() -> Problem {
    Problem::new(&types::QUOTA_EXCEEDED)
        .detail("spent \u{2713}")
        .retry_after(Duration::from_millis(1_500))
}

fn call(content_type: &str) -> Call {
    Call::ok().body("x").header("content-type", content_type).header("x-request-id", "7f3a")
}

fn detail<'a>(error: &'a Value, kind: &str) -> &'a str {
    let details = error["details"].as_array().unwrap();
    let kind = format!("google.rpc.{kind}");
    let found = details.iter().find(|detail| detail["type"] == *kind).expect("the detail");
    found["value"].as_str().unwrap()
}

#[track_caller]
fn assert_headers_only(reply: &Reply, content_type: &str) {
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(reply.header("content-type"), Some(content_type));
    assert_eq!(reply.header("grpc-status"), Some("8"));
    assert_eq!(reply.header("grpc-message"), Some("spent %E2%9C%93"));
    assert_eq!(reply.header("grpc-retry-pushback-ms"), Some("1500"));
    assert!(reply.header("grpc-status-details-bin").is_some());
    assert!(reply.body().is_empty(), "{reply:?}");
}

each_host! {
    /// A negative pushback keeps gRPC clients from another attempt; HTTP has no word for it.
    async fn what_never_passes_says_so_where_that_can_be_said(host) {
        let refuse = || Problem::new(&types::QUOTA_EXCEEDED).retry_after(Duration::from_secs(1));
        let server = host.serve(Reject::with(move || refuse().never_retry())).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        assert_eq!(reply.header("retry-after"), None);
        let pushback = (server.speaks() == Speaks::Grpc).then_some("-1");
        assert_eq!(reply.header("grpc-retry-pushback-ms"), pushback);
    }

    #[hosts(axum, hyper)]
    async fn grpc_web_has_its_status_in_the_headers_and_an_empty_body(host) {
        let server = host.serve(Reject::with(problem)).await;
        for content_type in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpc-web-text+proto",
        ] {
            assert_headers_only(&server.call(call(content_type)).await, content_type);
        }
    }

    /// A caller of one codec gets an answer in it, since some refuse any other.
    #[hosts(axum, hyper)]
    async fn grpc_names_the_codec_of_the_call(host) {
        let server = host.serve(Reject::with(problem)).await;
        for (asked, answered) in [
            ("application/grpc", "application/grpc"),
            ("application/grpc+proto", "application/grpc+proto"),
            ("application/grpc+json; v=1", "application/grpc+json"),
            ("application/grpc+thrift", "application/grpc"),
        ] {
            assert_headers_only(&server.call(call(asked)).await, answered);
        }
    }

    #[hosts(axum, hyper)]
    async fn a_unary_connect_call_gets_its_json(host) {
        let server = host.serve(Reject::with(problem)).await;
        let unary = call("application/json").header("connect-protocol-version", "1");
        let by_get = Call::ok().at("/probe/a?connect=v1&encoding=json&message=e30");
        for (call, id) in [(unary, true), (by_get, false)] {
            let reply = server.call(call).await;
            assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(reply.header("content-type"), Some("application/json"));
            assert_eq!(reply.header("retry-after"), Some("2"));
            let error: Value = serde_json::from_slice(reply.body()).unwrap();
            assert_eq!(error["code"], "resource_exhausted");
            assert_eq!(error["message"], "spent \u{2713}");
            // field 1, four bytes, "7f3a"; the length is written as two bytes.
            assert!(!id || detail(&error, "RequestInfo") == "CoQAN2YzYQ", "{error}");
            assert!(!detail(&error, "ErrorInfo").is_empty());
        }
    }

    #[hosts(axum, hyper)]
    async fn a_connect_stream_gets_a_message_that_ends_it(host) {
        let server = host.serve(Reject::with(problem)).await;
        for content_type in ["application/connect+json", "application/connect+proto"] {
            let reply = server.call(call(content_type)).await;
            assert_eq!(reply.status(), StatusCode::OK);
            assert_eq!(reply.header("content-type"), Some(content_type));
            let (head, end) = reply.body().split_at(5);
            assert_eq!(head[0], 2, "the flag of the last message");
            assert_eq!(u32::from_be_bytes(head[1..].try_into().unwrap()) as usize, end.len());
            let end: Value = serde_json::from_slice(end).unwrap();
            assert_eq!(end["error"]["code"], "resource_exhausted");
            assert_eq!(end["error"]["message"], "spent \u{2713}");
        }
    }

    /// A layer or a router that has never heard of these protocols is put right too.
    #[hosts(axum, hyper)]
    async fn a_bare_error_of_others_takes_the_form_of_the_call(host) {
        let server = host.serve(ProblemLayer::default()).await;
        let bare = |content_type: &str| {
            let call = Call::fail(StatusCode::TOO_MANY_REQUESTS, 8, "slow down");
            call.answering_with("retry-after", "2").body("x").header("content-type", content_type)
        };
        let reply = server.call(bare("application/grpc-web+proto")).await;
        assert_eq!(reply.header("grpc-status"), Some("8"));
        assert_eq!(reply.header("grpc-message"), Some("slow down"));
        assert_eq!(reply.header("grpc-retry-pushback-ms"), Some("2000"));

        let unary = bare("application/proto").header("connect-protocol-version", "1");
        let reply = server.call(unary).await;
        let error: Value = serde_json::from_slice(reply.body()).unwrap();
        assert_eq!(error["code"], "resource_exhausted");
        assert_eq!(error["message"], "slow down");

        // An error page is no answer to a gRPC call either.
        let page = bare("application/grpc").answering_with("content-type", "text/html");
        let reply = server.call(page).await;
        assert_eq!(reply.header("grpc-status"), Some("8"));
        assert!(reply.body().is_empty());
    }

    /// The query may hold what is not for answers or logs.
    #[hosts(axum, hyper)]
    async fn the_instance_is_the_path_without_its_query(host) {
        let stack =
            ServiceBuilder::new().layer(ProblemLayer::default()).layer(Reject::with(problem));
        let server = host.serve(stack).await;
        let reply = server.call(Call::ok().at("/probe/%22q%22?token=K-4711")).await;
        assert_eq!(reply.problem()["instance"], json!("/probe/%22q%22"));
        assert!(!reply.text().contains("K-4711"));
    }
}
