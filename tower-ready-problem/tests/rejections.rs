//! What callers see of a problem that a layer answers with, on every host.

mod support;

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use support::Reject;
use tonic_types::StatusExt;
use tower::ServiceBuilder;
use tower_ready_core::LocalRejection;
use tower_ready_problem::{Problem, ProblemLayer, Problems, types};
use tower_ready_testing::{Call, Reply, Speaks, each_host};

const MESSAGE: &str = "spent: 100 % of 5 \u{2713}";

fn quota_exceeded() -> Problem {
    Problem::new(&types::QUOTA_EXCEEDED)
        .detail(MESSAGE)
        .violated_policy("principal")
        .violation("/item", "must not be empty")
        .with("plan", "free")
        .with("limit", 5)
        .retry_after(Duration::from_millis(2_001))
        .rejected_by(LocalRejection::new("ratelimit", "quota_exceeded"))
}

#[track_caller]
fn assert_quota_exceeded(reply: &Reply, speaks: Speaks, domain: &str) {
    reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
    assert_eq!(reply.header("x-request-id"), None, "the caller's own id is not sent back here");
    if speaks == Speaks::Http {
        assert_eq!(reply.header("retry-after"), Some("3"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(
            reply.problem(),
            json!({
                "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
                "title": "A quota is used up",
                "status": 429,
                "detail": MESSAGE,
                "instance": "/probe/a",
                "code": "QUOTA_EXCEEDED",
                "request_id": "7f3a",
                "trace_id": "0af7651916cd43dd8448eb211c80319c",
                "errors": [{"detail": "must not be empty", "pointer": "#/item"}],
                "violated-policies": ["principal"],
                "plan": "free",
                "limit": 5,
            })
        );
        return;
    }
    assert_eq!(reply.grpc().message(), MESSAGE);
    assert_eq!(reply.header("grpc-retry-pushback-ms"), Some("2001"));
    let details = reply.grpc().get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((&*info.reason, &*info.domain), ("QUOTA_EXCEEDED", domain));
    assert_eq!(info.metadata["plan"], "free");
    assert_eq!(info.metadata["limit"], "5");
    assert_eq!(info.metadata["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    let delay = details.retry_info().unwrap().retry_delay;
    assert_eq!(delay, Some(Duration::from_millis(2_001)));
    assert_eq!(details.request_info().unwrap().request_id, "7f3a");
    let violation = &details.bad_request().unwrap().field_violations[0];
    assert_eq!((&*violation.field, &*violation.description), ("/item", "must not be empty"));
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "principal");
}

fn call() -> Call {
    Call::ok()
        .header("x-request-id", "7f3a")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
}

each_host! {
    /// A layer needs no problem layer outside for its answer to be right.
    async fn a_rejection_is_understood(host) {
        let server = host.serve(Reject::with(quota_exceeded)).await;
        let reply = server.call(call()).await;
        assert_quota_exceeded(&reply, host.speaks(), "tower-ready");
        assert_eq!(server.hits(), 0);
    }

    async fn a_stream_is_rejected_like_a_unary_call(host) {
        let server = host.serve(Reject::with(quota_exceeded)).await;
        let reply = server.call(Call::stream(3)).await;
        reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
    }

    /// A problem layer outside answers again, with what it knows, and loses nothing.
    async fn a_problem_layer_outside_answers_in_its_own_words(host) {
        let problems = Problems::builder()
            .base("https://api.example.com/v1")
            .domain("orders.example.com")
            .build()
            .unwrap();
        let stack = ServiceBuilder::new()
            .layer(ProblemLayer::new(problems))
            .layer(Reject::with(quota_exceeded));
        let server = host.serve(stack).await;
        let reply = server.call(call()).await;
        assert_quota_exceeded(&reply, host.speaks(), "orders.example.com");
    }

    async fn a_type_of_ones_own_resolves_under_the_base(host) {
        let problems = Problems::builder().base("https://api.example.com").build().unwrap();
        let stack = ServiceBuilder::new()
            .layer(ProblemLayer::new(problems))
            .layer(Reject::with(|| Problem::new(&types::OVERLOADED)));
        let server = host.serve(stack).await;
        let reply = server.call(call()).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        let uri = "https://api.example.com/problems/overloaded";
        if host.speaks() == Speaks::Http {
            assert_eq!(reply.problem()["type"], uri);
        } else {
            assert_eq!(reply.grpc().get_error_details().help().unwrap().links[0].url, uri);
        }
    }

    /// A caller without an id gets one, and finds it in the header as well.
    async fn an_answer_always_has_a_request_id(host) {
        let server = host.serve(Reject::with(quota_exceeded)).await;
        for id in [None, Some("not an id"), Some("\"; drop")] {
            let call = id.map_or_else(Call::ok, |id| Call::ok().header("x-request-id", id));
            let reply = server.call(call).await;
            let header = reply.header("x-request-id").unwrap();
            let said = if host.speaks() == Speaks::Http {
                reply.problem()["request_id"].as_str().unwrap().to_owned()
            } else {
                reply.grpc().get_error_details().request_info().unwrap().request_id.clone()
            };
            assert_eq!(header, said);
            assert_eq!(said.len(), 36, "a new UUID");
        }
    }

    #[hosts(axum, hyper)]
    async fn an_answer_to_head_has_the_headers_and_no_body(host) {
        let server = host.serve(Reject::with(quota_exceeded)).await;
        let got = server.call(call()).await;
        let head = server.call(call().method(http::Method::HEAD)).await;
        assert_eq!(head.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(head.body().is_empty());
        assert_eq!(head.header("content-length"), got.header("content-length"));
        assert_eq!(head.header("content-type"), Some("application/problem+json"));
    }
}
