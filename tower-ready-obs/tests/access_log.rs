//! One line for each request, which tells no secrets and which nobody can forge.

use std::time::Duration;

use http::{Method, StatusCode};
use tower_ready_core::Route;
use tower_ready_obs::{AccessLog, AccessLogBuilder, Edge, Spans, TraceContext, Tracing};
use tower_ready_problem::Problems;
use tower_ready_testing::{
    Call, Server, Speaks, each_host,
    logs::{Event, Level, Logs, capture},
};

fn tracing(log: AccessLogBuilder) -> Tracing {
    // Without spans every field is the line's own.
    let tracing = Tracing::builder().edge(Edge::Trusted).spans(Spans::None);
    tracing.access_log(log).build().unwrap()
}

fn plain() -> Tracing {
    tracing(AccessLog::builder())
}

/// The one line of the access log.
#[track_caller]
fn line(logs: &Logs) -> Event {
    let mut lines = logs.under("tower_ready_obs::access");
    assert_eq!(lines.len(), 1, "{}", logs.text());
    lines.remove(0)
}

#[track_caller]
fn assert_field(line: &Event, name: &str, value: &str) {
    assert_eq!(line.field(name), Some(value), "{line}");
}

/// Waits until the server has let go of all calls.
async fn over(server: &Server) {
    server.until(|counts| counts.concurrent == 0).await;
}

/// A layer that lets nobody pass.
mod reject {
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body::Body;
    use tower::{Layer, Service};
    use tower_ready_core::{AnswerBody, AnswerFuture, LocalRejection};
    use tower_ready_problem::{Caller, Problem, types};

    #[derive(Clone)]
    pub(crate) struct Reject;

    #[derive(Clone)]
    pub(crate) struct Rejects<S>(S);

    impl<S> Layer<S> for Reject {
        type Service = Rejects<S>;

        fn layer(&self, inner: S) -> Rejects<S> {
            Rejects(inner)
        }
    }

    impl<S, Q, B> Service<Request<Q>> for Rejects<S>
    where
        S: Service<Request<Q>, Response = Response<B>>,
        B: Body<Data = Bytes>,
    {
        type Response = Response<AnswerBody<B>>;
        type Error = S::Error;
        type Future = AnswerFuture<S::Future>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: Request<Q>) -> Self::Future {
            let rejection = LocalRejection::new("ratelimit", "quota");
            let problem = Problem::new(&types::QUOTA_EXCEEDED).rejected_by(rejection);
            AnswerFuture::answer(problem.answer(&Caller::of(&request)))
        }
    }
}

each_host! {
    async fn a_request_has_one_line_with_all_that_matters(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        server.call(Call::ok().header("x-request-id", "mine")).await.assert_ok();
        over(&server).await;

        let line = line(&logs);
        let own = TraceContext::extract(server.last_seen().headers()).unwrap();
        assert_eq!((line.level(), line.message()), (Level::INFO, "answered"));
        assert_field(&line, "request_id", "mine");
        assert_field(&line, "trace_id", &own.trace_id().to_string());
        assert_field(&line, "span_id", &own.span_id().to_string());
        assert_field(&line, "status", "200");
        assert!(line.field("ms").unwrap().parse::<f64>().unwrap() >= 0.0);
        assert_eq!(line.field("error_type"), None);
        match server.speaks() {
            Speaks::Http => {
                assert_field(&line, "method", "GET");
                assert_field(&line, "path", "/probe/a");
                assert_field(&line, "http_version", "1.1");
                assert_field(&line, "bytes", "2");
                assert_eq!(line.field("grpc_status"), None);
            }
            Speaks::Grpc => {
                assert_field(&line, "method", "POST");
                assert_field(&line, "path", "/testing.v1.Probe/A");
                assert_field(&line, "http_version", "2");
                assert_field(&line, "grpc_status", "OK");
            }
        }
    }

    async fn a_failure_is_an_error_in_the_log(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        server.call(Call::fail(StatusCode::SERVICE_UNAVAILABLE, 14, "gone")).await;
        over(&server).await;
        let line = line(&logs);
        assert_eq!((line.level(), line.message()), (Level::ERROR, "answered"));
        let error = if server.speaks() == Speaks::Grpc { "UNAVAILABLE" } else { "503" };
        assert_field(&line, "error_type", error);
    }

    async fn what_a_caller_did_wrong_is_not(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        server.call(Call::fail(StatusCode::NOT_FOUND, 5, "no such order")).await;
        over(&server).await;
        let line = line(&logs);
        assert_eq!(line.level(), Level::INFO);
        assert_eq!(line.field("error_type"), None);
    }

    async fn a_stream_has_its_line_when_it_is_over(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        let stream = server.stream(Call::stream(2).then_wait()).await;
        server.until(|counts| counts.waiting == 1).await;
        assert!(logs.under("tower_ready_obs::access").is_empty());
        server.release(1);
        stream.finish().await.assert_ok();
        over(&server).await;
        assert_eq!(line(&logs).message(), "answered");
    }

    async fn a_stream_that_breaks_is_an_error_whatever_its_head_said(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        server.call(Call::stream(2).then_break()).await;
        over(&server).await;
        let line = line(&logs);
        assert_eq!(line.level(), Level::ERROR, "{line}");
        assert!(line.field("error_type").is_some(), "{line}");
        assert_field(&line, "status", "200");
    }

    async fn a_caller_that_leaves_is_no_failure_of_ours(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        let call = server.start(Call::ok().gated());
        server.until(|counts| counts.waiting == 1).await;
        call.hang_up().await;
        server.until(|counts| counts.abandoned == 1 && counts.concurrent == 0).await;
        let line = line(&logs);
        assert_eq!((line.level(), line.message()), (Level::INFO, "abandoned"));
        assert_field(&line, "error_type", "cancelled");
        assert_eq!(line.field("status"), None, "none was sent");
    }

    async fn a_panic_has_its_line_too(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        server.call(Call::panic()).await;
        server.until(|counts| counts.panics == 1).await;
        over(&server).await;
        let line = line(&logs);
        assert_eq!((line.level(), line.message()), (Level::ERROR, "panicked"));
        assert_field(&line, "error_type", "panic");
        assert!(!logs.text().contains("K-4711"), "{}", logs.text());
    }

    async fn a_slow_request_says_where_its_time_went(host) {
        let logs = capture();
        let log = AccessLog::builder().sample(0.0).slow(Duration::from_nanos(1));
        let server = host.serve(tracing(log).layer()).await;
        server.call(Call::ok().header("x-request-id", "mine")).await.assert_ok();
        over(&server).await;
        let slow = logs.under("tower_ready_obs::slow");
        assert_eq!(slow.len(), 1, "{}", logs.text());
        assert_eq!(slow[0].level(), Level::WARN);
        assert_field(&slow[0], "request_id", "mine");
        let ms = |name| slow[0].field(name).unwrap().parse::<f64>().unwrap();
        assert!((ms("head_ms") + ms("body_ms") - ms("ms")).abs() < 0.01, "{}", slow[0]);
        assert_field(&line(&logs), "request_id", "mine");
    }

    async fn only_a_share_of_what_went_well_is_logged(host) {
        let logs = capture();
        let server = host.serve(tracing(AccessLog::builder().sample(0.0)).layer()).await;
        server.call(Call::ok()).await.assert_ok();
        over(&server).await;
        assert!(logs.under("tower_ready_obs").is_empty(), "{}", logs.text());
        server.call(Call::fail(StatusCode::SERVICE_UNAVAILABLE, 14, "gone")).await;
        over(&server).await;
        assert_eq!(line(&logs).level(), Level::ERROR, "what failed always is");
    }

    async fn no_secret_is_in_the_log(host) {
        let logs = capture();
        let server = host.serve(Tracing::builder().build().unwrap().layer()).await;
        let call = Call::fail(StatusCode::SERVICE_UNAVAILABLE, 14, "secret-message")
            .header("authorization", "Bearer secret-token")
            .header("cookie", "session=secret-cookie")
            .header("x-api-key", "secret-key")
            .header("user-agent", "secret-agent")
            .answering_with("set-cookie", "session=secret-answer")
            .body("secret-body");
        server.call(call).await;
        over(&server).await;
        let ours: String = logs.under("tower_ready_obs").iter().map(Event::to_string).collect();
        assert!(!ours.is_empty());
        assert!(!ours.contains("secret"), "{ours}");
    }

    async fn headers_are_logged_by_permission_alone(host) {
        let logs = capture();
        let log = AccessLog::builder().header("x-tenant").header("x-many").header("x-absent");
        let server = host.serve(tracing(log).layer()).await;
        let call = Call::ok()
            .header("x-tenant", "a\" request_id=\"forged")
            .header("x-many", "1")
            .header("x-many", "\u{e9}")
            .header("x-other", "secret");
        server.call(call).await.assert_ok();
        over(&server).await;
        let line = line(&logs);
        let headers = r#"x-tenant="a\" request_id=\"forged" x-many="1" x-many="\xc3\xa9""#;
        assert_field(&line, "headers", headers);
    }

    async fn a_header_that_is_repeated_does_not_fill_the_log(host) {
        let logs = capture();
        let log = AccessLog::builder().header("x-many");
        let server = host.serve(tracing(log).layer()).await;
        let call = (0..40).fold(Call::ok(), |call, n| call.header("x-many", n.to_string()));
        server.call(call).await.assert_ok();
        over(&server).await;
        let line = line(&logs);
        let headers = line.field("headers").unwrap();
        assert!(headers.starts_with(r#"x-many="0" x-many="1""#), "{headers}");
        assert_eq!(headers.matches("x-many=").count(), 8, "{headers}");
    }

    async fn an_id_that_was_not_believed_is_told_beside_our_own(host) {
        let logs = capture();
        let server = host.serve(Tracing::builder().spans(Spans::None).build().unwrap().layer()).await;
        server.call(Call::ok().header("x-request-id", "theirs")).await.assert_ok();
        over(&server).await;
        let line = line(&logs);
        assert_field(&line, "claimed_request_id", "theirs");
        assert_ne!(line.field("request_id"), Some("theirs"));
    }

    #[hosts(axum, hyper)]
    async fn a_query_is_logged_by_permission_alone(host) {
        let logs = capture();
        let server = host.serve(tracing(AccessLog::builder().query("page").query("q")).layer()).await;
        let path = "/probe/items/1?page=2&token=secret&q=a%22b|%5B&pages=3";
        server.call(Call::ok().at(path)).await.assert_ok();
        over(&server).await;
        let line = line(&logs);
        assert_field(&line, "query", "page=2&q=a%22b%7C%5B");
        assert!(!logs.text().contains("secret"), "{}", logs.text());
    }

    #[hosts(axum, hyper)]
    async fn signatures_are_redacted_even_with_permission(host) {
        let logs = capture();
        let log = AccessLog::builder().query("page").query("sig").query("X-Amz-Signature");
        let server = host.serve(tracing(log).layer()).await;
        let path = "/probe/items/1?sig=secret&page=2&X-Amz-Signature=secret&Sig=secret";
        server.call(Call::ok().at(path)).await.assert_ok();
        over(&server).await;
        assert_field(&line(&logs), "query", "sig=REDACTED&page=2&X-Amz-Signature=REDACTED");
        assert!(!logs.text().contains("secret"), "{}", logs.text());
    }

    #[hosts(axum, hyper)]
    async fn a_path_forges_nothing_and_is_bounded(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        for path in ["/probe/items/a\"b{c}|d", &format!("/probe/items/{}", "x".repeat(5_000))] {
            server.call(Call::ok().at(path)).await;
        }
        over(&server).await;
        let lines = logs.under("tower_ready_obs::access");
        assert_field(&lines[0], "path", "/probe/items/a%22b%7Bc%7D%7Cd");
        assert_eq!(lines[1].field("path").unwrap().len(), 259);
    }

    #[hosts(axum, hyper)]
    async fn a_method_that_nobody_knows_is_not_repeated(host) {
        let logs = capture();
        let server = host.serve(plain().layer()).await;
        let method = Method::from_bytes(b"FORGED|LINE").unwrap();
        server.call(Call::ok().method(method)).await;
        over(&server).await;
        assert_field(&line(&logs), "method", "_OTHER");
    }

    #[hosts(axum, hyper)]
    async fn a_method_may_be_declared(host) {
        let logs = capture();
        let tracing = Tracing::builder().known_methods(["PROPFIND"]).build().unwrap();
        let server = host.serve(tracing.layer()).await;
        for method in ["PROPFIND", "GET"] {
            server.call(Call::ok().method(Method::from_bytes(method.as_bytes()).unwrap())).await;
        }
        over(&server).await;
        let lines = logs.under("tower_ready_obs::access");
        assert_field(&lines[0], "method", "PROPFIND");
        assert_field(&lines[1], "method", "_OTHER");
    }

    #[hosts(hyper)]
    async fn a_route_may_be_named_by_a_rule(host) {
        let logs = capture();
        let tracing = Tracing::builder().route(|head| {
            head.uri().path().starts_with("/probe/items/").then(|| Route::from_static("/probe/items/{id}"))
        });
        let server = host.serve(tracing.build().unwrap().layer()).await;
        server.call(Call::ok().at("/probe/items/42")).await.assert_ok();
        over(&server).await;
        assert_field(&line(&logs), "route", "/probe/items/{id}");
    }

    #[hosts(axum, hyper)]
    async fn a_rejection_says_who_rejected(host) {
        let logs = capture();
        let problems = Problems::builder().build().unwrap();
        let server = host.serve((plain().layer(), problems.layer(), reject::Reject)).await;
        let reply = server.call(Call::ok()).await;
        assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
        let line = line(&logs);
        assert_field(&line, "rejected_by", "ratelimit");
        assert_field(&line, "rejection", "quota");
        assert_eq!(line.level(), Level::INFO);
    }
}
