//! Whose word counts: traces that go on, and traces that begin anew, while somebody listens.

use tower_ready_obs::{Edge, TraceContext, Tracing, TracingBuilder};
use tower_ready_testing::{Call, each_host, logs::capture};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn caller(flags: &str) -> String {
    format!("00-{TRACE}-{SPAN}-{flags}")
}

fn trusted() -> TracingBuilder {
    Tracing::builder().no_access_log().edge(Edge::Trusted)
}

fn untrusted() -> TracingBuilder {
    Tracing::builder().no_access_log()
}

each_host! {
    async fn the_trace_of_a_trusted_caller_goes_on(host) {
        let _listener = capture();
        let server = host.serve(trusted().build().unwrap().layer()).await;
        let call = Call::ok().header("traceparent", caller("03")).header("tracestate", "a=1, ,b=2");
        server.call(call).await.assert_ok();
        let seen = server.last_seen();
        let own = TraceContext::extract(seen.headers()).unwrap();
        assert_eq!(own.trace_id().to_string(), TRACE);
        assert_ne!(own.span_id().to_string(), SPAN, "the handler's parent is our span");
        assert!(own.is_sampled() && own.is_random());
        assert_eq!(seen.header("tracestate"), Some("a=1,b=2"));
    }

    async fn whether_it_is_sampled_is_for_a_trusted_caller_to_say(host) {
        let _listener = capture();
        let server = host.serve(trusted().sample(0.0).build().unwrap().layer()).await;
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("03", true)] {
            server.call(Call::ok().header("traceparent", caller(flags))).await.assert_ok();
            let own = TraceContext::extract(server.last_seen().headers()).unwrap();
            assert_eq!(own.is_sampled(), is_sampled, "{flags}");
        }
        server.call(Call::ok()).await.assert_ok();
        let own = TraceContext::extract(server.last_seen().headers()).unwrap();
        assert!(!own.is_sampled(), "for a trace that begins here our own rule holds");
    }

    async fn a_trace_without_a_valid_caller_begins_here(host) {
        let _listener = capture();
        let server = host.serve(trusted().build().unwrap().layer()).await;
        for bad in ["", "00-nonsense", &caller("1"), &caller("01").to_uppercase()] {
            let call = Call::ok().header("traceparent", bad).header("tracestate", "a=1");
            server.call(call).await.assert_ok();
            let seen = server.last_seen();
            let own = TraceContext::extract(seen.headers()).unwrap();
            assert_ne!(own.trace_id().to_string(), TRACE, "{bad}");
            assert!(own.is_sampled() && own.is_random());
            assert_eq!(seen.header("tracestate"), None, "the state of a trace that is lost");
        }
        let twice = Call::ok().header("traceparent", caller("01"));
        server.call(twice.header("traceparent", caller("01"))).await.assert_ok();
        let seen = server.last_seen();
        let own = TraceContext::extract(seen.headers()).expect("one header in place of both");
        assert_ne!(own.trace_id().to_string(), TRACE);
    }

    async fn the_trace_of_anybody_begins_anew(host) {
        let _listener = capture();
        let server = host.serve(untrusted().sample(0.0).build().unwrap().layer()).await;
        let call = Call::ok().header("traceparent", caller("01")).header("tracestate", "a=1");
        server.call(call).await.assert_ok();
        let seen = server.last_seen();
        let own = TraceContext::extract(seen.headers()).unwrap();
        assert_ne!(own.trace_id().to_string(), TRACE);
        assert!(!own.is_sampled(), "a stranger does not make us record");
        assert_eq!(seen.header("tracestate"), None);
    }

    async fn baggage_passes_an_untrusted_edge_only_where_it_is_allowed(host) {
        let baggage = "tenant=acme,user=alice;secret=1";
        let server = host.serve(untrusted().build().unwrap().layer()).await;
        server.call(Call::ok().header("baggage", baggage)).await.assert_ok();
        assert_eq!(server.last_seen().header("baggage"), None);

        let server = host.serve(untrusted().baggage(["tenant"]).build().unwrap().layer()).await;
        server.call(Call::ok().header("baggage", baggage)).await.assert_ok();
        assert_eq!(server.last_seen().header("baggage"), Some("tenant=acme"));

        let server = host.serve(trusted().build().unwrap().layer()).await;
        server.call(Call::ok().header("baggage", baggage)).await.assert_ok();
        assert_eq!(server.last_seen().header("baggage"), Some(baggage), "a trusted caller's stays");
    }
}
