//! What is left to do where no subscriber hears of anything. Nothing in here may install one.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_ready_core::RequestId;
use tower_ready_obs::{
    AccessLog, ClientTracing, Current, Edge, TraceContext, Tracing, TracingBuilder, current,
};
use tower_ready_problem::Problems;
use tower_ready_testing::{Call, alloc, each_host};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn untrusted() -> TracingBuilder {
    Tracing::builder()
}

fn trusted() -> TracingBuilder {
    Tracing::builder().edge(Edge::Trusted)
}

each_host! {
    async fn the_trace_of_a_trusted_caller_goes_on_as_it_is(host) {
        let server = host.serve(trusted().build().unwrap().layer()).await;
        let call = Call::ok().header("traceparent", CALLER).header("tracestate", "a=1,b=2");
        server.call(call).await.assert_ok();
        let seen = server.last_seen();
        assert_eq!(seen.header("traceparent"), Some(CALLER), "no span of ours is between");
        assert_eq!(seen.header("tracestate"), Some("a=1,b=2"));
    }

    async fn what_is_not_believed_goes_no_further(host) {
        let server = host.serve(untrusted().build().unwrap().layer()).await;
        let call = Call::ok().header("traceparent", CALLER).header("tracestate", "a=1");
        server.call(call.header("x-request-id", "mine")).await.assert_ok();
        let seen = server.last_seen();
        assert_eq!(seen.header("traceparent"), None);
        assert_eq!(seen.header("tracestate"), None);
        assert_ne!(seen.header("x-request-id"), Some("mine"));
    }

    async fn what_is_not_valid_goes_no_further_either(host) {
        let server = host.serve(trusted().build().unwrap().layer()).await;
        let call = Call::ok().header("tracestate", "a=1");
        for bad in ["", "00-nonsense", &CALLER.to_uppercase()] {
            server.call(call.clone().header("traceparent", bad)).await.assert_ok();
            assert_eq!(server.last_seen().header("traceparent"), None, "{bad}");
            assert_eq!(server.last_seen().header("tracestate"), None, "{bad}");
        }
        server.call(call.header("traceparent", CALLER).header("traceparent", CALLER)).await.assert_ok();
        assert_eq!(server.last_seen().headers().get_all("traceparent").iter().count(), 0);
    }

    async fn a_request_has_its_id_all_the_same(host) {
        let server = host.serve(untrusted().build().unwrap().layer()).await;
        let reply = server.call(Call::ok()).await;
        let id = RequestId::of(server.last_seen().headers()).unwrap();
        assert_eq!(reply.header("x-request-id"), Some(id.as_str()));
    }

    #[hosts(axum, hyper)]
    async fn a_problem_names_a_trace_if_a_caller_has_begun_one(host) {
        let problems = Problems::builder().build().unwrap();
        let server = host.serve((trusted().build().unwrap().layer(), problems.layer())).await;
        let call = Call::fail(StatusCode::CONFLICT, 10, "taken");
        let problem = server.call(call.clone().header("traceparent", CALLER)).await.problem();
        assert_eq!(problem["trace_id"], TRACE);
        let reply = server.call(call).await;
        assert_eq!(reply.problem()["request_id"], reply.header("x-request-id").unwrap());
        assert!(reply.problem().get("trace_id").is_none(), "nobody could look it up");
    }
}

/// Runs `handler` as the handler of a request with these headers.
async fn handle<F: Future<Output = ()>>(
    tracing: TracingBuilder,
    headers: &[(&'static str, &'static str)],
    handler: impl Fn() -> F,
) {
    let handler = service_fn(|_: Request<()>| async {
        handler().await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut request = Request::new(());
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    let layer = tracing.build().unwrap().layer();
    layer.layer(handler).oneshot(request).await.unwrap();
}

/// What a call on behalf of the current request tells the next hop.
async fn told() -> HeaderMap {
    let told = Arc::new(Mutex::new(HeaderMap::new()));
    let service = service_fn(|request: Request<()>| {
        *told.lock().unwrap() = request.headers().clone();
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let client = ClientTracing::builder().build().unwrap().layer();
    client.layer(service).oneshot(Request::new(())).await.unwrap();
    told.lock().unwrap().clone()
}

#[tokio::test]
async fn a_trace_begins_when_the_next_hop_is_told_and_is_one() {
    handle(untrusted(), &[], || async {
        let own = current().unwrap();
        assert_eq!(current().unwrap().context(), own.context());
        assert!(own.context().is_sampled() && own.context().is_random());
        for _ in 0..2 {
            let told = told().await;
            let theirs = TraceContext::extract(&told).unwrap();
            assert_eq!(theirs.trace_id(), own.context().trace_id());
            assert_eq!(RequestId::of(&told), own.request_id());
        }
        let spawned = own.clone().run(told());
        let told = tokio::spawn(spawned).await.unwrap();
        assert_eq!(TraceContext::extract(&told).unwrap().trace_id(), own.context().trace_id());
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_after_a_wait_is_told_the_same() {
    handle(untrusted(), &[], || async {
        let before = TraceContext::extract(&told().await).unwrap();
        tokio::task::yield_now().await;
        let after = TraceContext::extract(&told().await).unwrap();
        assert_eq!(before.trace_id(), after.trace_id());
    })
    .await;
}

#[tokio::test]
async fn our_own_rule_says_whether_it_is_sampled() {
    handle(untrusted().sample(0.0), &[("traceparent", CALLER)], || async {
        let theirs = TraceContext::extract(&told().await).unwrap();
        assert!(!theirs.is_sampled());
        assert_ne!(theirs.trace_id().to_string(), TRACE);
    })
    .await;
}

#[tokio::test]
async fn the_next_hop_is_told_of_the_caller_where_that_is_trusted() {
    let caller = [("traceparent", CALLER), ("tracestate", "a=1"), ("x-request-id", "mine")];
    handle(trusted().sample(0.0), &caller, || async {
        let told = told().await;
        let theirs = TraceContext::extract(&told).unwrap();
        assert_eq!(theirs.trace_id().to_string(), TRACE);
        assert!(theirs.is_sampled(), "that is for the caller to say");
        assert_eq!(told["tracestate"], "a=1");
        assert_eq!(told["x-request-id"], "mine");
        assert_eq!(current().as_ref().map(Current::context).unwrap().trace_id(), theirs.trace_id());
    })
    .await;
}

/// Calls once, with headers that have room for ours in the request and in the answer.
fn call<L>(layer: &L, headers: &[(&'static str, &'static str)]) -> u64
where
    L: Layer<BoxCloneSyncService<Request<()>, Response<Full<Bytes>>, ()>>,
    L::Service: Service<Request<()>>,
{
    let inner = service_fn(|_: Request<()>| {
        let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
        std::future::ready(Ok::<_, ()>(response))
    });
    let mut service = layer.layer(BoxCloneSyncService::new(inner));
    let mut once = || {
        let mut request = Request::new(());
        request.headers_mut().reserve(8);
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let (_, allocations) = alloc::counted(|| {
            let mut future = pin!(service.call(request));
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(Ok(response)) = polled else {
                panic!("it waits");
            };
            response
        });
        allocations.count
    };
    once();
    once()
}

#[test]
fn nothing_is_allocated_but_a_new_id() {
    let bare = call(&tower::layer::util::Identity::new(), &[]);
    let cost = |tracing: TracingBuilder, headers: &[_]| {
        call(&tracing.build().unwrap().layer(), headers) - bare
    };
    let log = AccessLog::builder().header("user-agent").query("page");
    assert_eq!(cost(untrusted().access_log(log), &[("user-agent", "curl")]), 1);
    assert_eq!(cost(untrusted().request_ids(false), &[]), 0);
    let theirs = [("x-request-id", "mine"), ("traceparent", CALLER)];
    assert_eq!(cost(trusted(), &theirs), 0);
}
