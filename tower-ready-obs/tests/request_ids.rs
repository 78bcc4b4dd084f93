//! One id for each request: in what the handler sees, in the answer, and in every problem.

use http::StatusCode;
use tower_ready_core::RequestId;
use tower_ready_obs::{Edge, Tracing, TracingBuilder};
use tower_ready_problem::Problems;
use tower_ready_testing::{Call, Reply, Route, Server, each_host, logs::capture};

fn tracing() -> TracingBuilder {
    Tracing::builder().no_access_log()
}

fn trusted() -> Tracing {
    tracing().edge(Edge::Trusted).build().unwrap()
}

fn untrusted() -> Tracing {
    tracing().build().unwrap()
}

/// The id that the handler saw, which has to be the only one, and the same in the answer.
#[track_caller]
fn id_of(server: &Server, reply: &Reply) -> String {
    let seen = server.last_seen();
    let id = RequestId::of(seen.headers()).expect("one well-formed id");
    assert_eq!(reply.headers().get_all("x-request-id").iter().count(), 1, "{reply:?}");
    assert_eq!(reply.header("x-request-id"), Some(id.as_str()));
    id.to_string()
}

#[track_caller]
fn assert_is_new(id: &str) {
    assert_eq!(id.len(), 36, "{id}");
    assert_eq!(id.as_bytes()[14], b'7', "a UUID of version 7: {id}");
}

each_host! {
    async fn a_request_without_an_id_gets_one(host) {
        let server = host.serve(trusted().layer()).await;
        let reply = server.call(Call::ok()).await;
        let first = id_of(&server, &reply);
        assert_is_new(&first);
        let reply = server.call(Call::ok()).await;
        assert_ne!(id_of(&server, &reply), first);
    }

    async fn the_id_of_a_trusted_caller_is_kept(host) {
        let server = host.serve(trusted().layer()).await;
        for id in ["a", "0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0", "A.b_c~d-9", &"x".repeat(128)] {
            let reply = server.call(Call::ok().header("x-request-id", id)).await;
            assert_eq!(id_of(&server, &reply), id);
        }
    }

    async fn what_is_no_id_is_replaced_whoever_sends_it(host) {
        let server = host.serve(trusted().layer()).await;
        let bad = [&b""[..], b"a b", b"a\"b", b"a,b", b"a=b", b"\xc3\xa9", b"a\tb", &[b'x'; 129]];
        for id in bad {
            let reply = server.call(Call::ok().header("x-request-id", id)).await;
            assert_is_new(&id_of(&server, &reply));
        }
    }

    async fn two_ids_are_never_joined(host) {
        let server = host.serve(trusted().layer()).await;
        let call = Call::ok().header("x-request-id", "one").header("x-request-id", "two");
        let reply = server.call(call).await;
        assert_is_new(&id_of(&server, &reply));
    }

    async fn the_id_of_anybody_is_replaced(host) {
        let server = host.serve(untrusted().layer()).await;
        let reply = server.call(Call::ok().header("x-request-id", "mine")).await;
        assert_is_new(&id_of(&server, &reply));
    }

    async fn whom_to_trust_may_depend_on_the_request(host) {
        let from_proxy = |head: &tower_ready_core::Head<'_>| head.headers().contains_key("x-proxy");
        let server = host.serve(tracing().trust_if(from_proxy).build().unwrap().layer()).await;
        let call = Call::ok().header("x-request-id", "mine");
        let reply = server.call(call.clone().header("x-proxy", "1")).await;
        assert_eq!(id_of(&server, &reply), "mine");
        let reply = server.call(call).await;
        assert_is_new(&id_of(&server, &reply));
    }

    async fn an_answer_says_the_id_of_its_request_and_no_other(host) {
        let server = host.serve(trusted().layer()).await;
        let call = Call::ok().header("x-request-id", "mine").answering_with("x-request-id", "other");
        let reply = server.call(call).await;
        assert_eq!(id_of(&server, &reply), "mine");
    }

    async fn a_failure_says_it_too(host) {
        let server = host.serve(trusted().layer()).await;
        let failure = Call::fail(StatusCode::CONFLICT, 10, "taken").header("x-request-id", "mine");
        let reply = server.call(failure).await;
        assert_eq!(id_of(&server, &reply), "mine");
    }

    async fn a_layer_that_is_off_leaves_all_as_it_is(host) {
        let server = host.serve(trusted().layer().enabled(false)).await;
        let reply = server.call(Call::ok().header("x-request-id", "a b")).await;
        reply.assert_ok();
        assert_eq!(reply.header("x-request-id"), None);
        assert_eq!(server.last_seen().header("x-request-id"), Some("a b"));
        assert_eq!(server.last_seen().header("traceparent"), None);
    }

    async fn a_policy_without_ids_leaves_them_to_others(host) {
        let _listener = capture();
        let server = host.serve(tracing().request_ids(false).build().unwrap().layer()).await;
        let reply = server.call(Call::ok().header("x-request-id", "a b")).await;
        assert_eq!(reply.header("x-request-id"), None);
        assert_eq!(server.last_seen().header("x-request-id"), Some("a b"));
        assert!(server.last_seen().header("traceparent").is_some());
    }

    async fn every_route_and_connection_has_the_same_policy(host) {
        let server = host.serve(trusted().layer()).await;
        for route in Route::ALL {
            let call = Call::ok().on(route).header("x-request-id", "mine");
            let reply = server.connect().call(call).await;
            assert_eq!(reply.header("x-request-id"), Some("mine"));
        }
    }

    #[hosts(axum, hyper)]
    async fn a_problem_names_the_request_and_the_trace(host) {
        let _listener = capture();
        let problems = Problems::builder().build().unwrap();
        let layers = (trusted().layer(), problems.layer());
        let server = host.serve(layers).await;
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        for call in [Call::fail(StatusCode::CONFLICT, 10, "taken"), Call::panic()] {
            let reply = server.call(call.header("x-request-id", "mine").header("traceparent", trace)).await;
            let problem = reply.problem();
            assert_eq!(problem["request_id"], "mine");
            assert_eq!(problem["trace_id"], "0af7651916cd43dd8448eb211c80319c");
            assert_eq!(reply.header("x-request-id"), Some("mine"));
        }
        let reply = server.call(Call::fail(StatusCode::CONFLICT, 10, "taken")).await;
        let seen = server.last_seen();
        let own = tower_ready_obs::TraceContext::extract(seen.headers()).unwrap();
        assert_eq!(reply.problem()["trace_id"], own.trace_id().to_string());
        assert_eq!(reply.problem()["request_id"], reply.header("x-request-id").unwrap());
    }
}
