//! What a client tells the servers that it calls.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex, mpsc},
};

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Empty;
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_core::RequestId;
use tower_ready_obs::{
    ClientTracing, Current, Edge, TraceContext, Tracing, TracingBuilder, current,
};

type Body = Empty<bytes::Bytes>;

/// What arrived at the other side.
type Told = Arc<Mutex<Vec<HeaderMap>>>;

fn tell(told: &Told, request: &Request<()>) -> Ready<Result<Response<Body>, Infallible>> {
    told.lock().unwrap().push(request.headers().clone());
    ready(Ok(Response::new(Body::new())))
}

fn client() -> ClientTracing {
    ClientTracing::builder().build().unwrap()
}

async fn call(client: &ClientTracing, told: &Told, request: Request<()>) {
    let service = service_fn(|request| tell(told, &request));
    client.layer().layer(service).oneshot(request).await.unwrap();
}

fn last(told: &Told) -> HeaderMap {
    told.lock().unwrap().last().unwrap().clone()
}

fn context(headers: &HeaderMap) -> TraceContext {
    TraceContext::extract(headers).expect("a valid context")
}

fn request(headers: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request
}

fn server() -> TracingBuilder {
    Tracing::builder().edge(Edge::Trusted).no_access_log()
}

/// Runs `handler` as the handler of this request.
async fn handle<F: Future<Output = ()>>(
    tracing: &Tracing,
    request: Request<()>,
    handler: impl Fn() -> F,
) -> Response<()> {
    let handler = service_fn(|_: Request<()>| async {
        handler().await;
        Ok::<_, Infallible>(Response::new(Body::new()))
    });
    tracing.layer().layer(handler).oneshot(request).await.unwrap().map(drop)
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
const CALLER: [(&str, &str); 4] = [
    ("traceparent", PARENT),
    ("tracestate", "a=1,b=2"),
    ("x-request-id", "mine"),
    ("baggage", "tenant=acme,user=alice"),
];

#[tokio::test]
async fn a_call_of_nobodys_begins_a_trace_and_has_an_id() {
    let told = Told::default();
    call(&client(), &told, request(&[])).await;
    let told = last(&told);
    assert!(context(&told).is_sampled() && context(&told).is_random());
    assert_eq!(RequestId::of(&told).unwrap().as_str().len(), 36);
}

#[tokio::test]
async fn a_call_on_behalf_of_a_request_says_whose_it_is() {
    let told = Told::default();
    let seen = Mutex::new(None);
    let tracing = server().baggage(["tenant"]).build().unwrap();
    handle(&tracing, request(&CALLER), || async {
        *seen.lock().unwrap() = current();
        call(&client(), &told, request(&[])).await;
        call(&client(), &told, request(&[])).await;
    })
    .await;

    let seen: Current = seen.into_inner().unwrap().unwrap();
    for headers in told.lock().unwrap().iter() {
        let own = context(headers);
        assert_eq!(own.trace_id(), seen.context().trace_id());
        assert_ne!(own.span_id(), seen.context().span_id());
        assert!(own.is_sampled() && own.is_random());
        assert_eq!(headers["tracestate"], "a=1,b=2");
        assert_eq!(headers["x-request-id"], "mine");
        assert_eq!(headers["baggage"], "tenant=acme", "only what is allowed");
    }
    let told = told.lock().unwrap();
    assert_ne!(context(&told[0]).span_id(), context(&told[1]).span_id());
}

#[tokio::test]
async fn baggage_goes_nowhere_unless_it_is_allowed() {
    let told = Told::default();
    handle(&server().build().unwrap(), request(&CALLER), || async {
        call(&client(), &told, request(&[])).await;
    })
    .await;
    assert!(!last(&told).contains_key("baggage"));
}

#[tokio::test]
async fn what_a_call_says_itself_counts_more() {
    let told = Told::default();
    let theirs = "00-11111111111111111111111111111111-2222222222222222-00";
    handle(&server().baggage(["tenant"]).build().unwrap(), request(&CALLER), || async {
        let own = [("traceparent", theirs), ("x-request-id", "own"), ("baggage", "k=v")];
        call(&client(), &told, request(&own)).await;
    })
    .await;
    let told = last(&told);
    assert_eq!(context(&told).trace_id().as_u128(), 0x1111_1111_1111_1111_1111_1111_1111_1111);
    assert!(!context(&told).is_sampled());
    assert!(!told.contains_key("tracestate"), "that of another trace");
    assert_eq!(told["x-request-id"], "own");
    assert_eq!(told["baggage"], "k=v");
}

#[tokio::test]
async fn what_is_not_valid_is_replaced_and_never_joined() {
    let told = Told::default();
    let bad = [
        ("traceparent", PARENT),
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("x-request-id", "one"),
        ("x-request-id", "two"),
    ];
    call(&client(), &told, request(&bad)).await;
    let told = last(&told);
    assert_ne!(
        context(&told).trace_id(),
        context(&request(&CALLER).into_parts().0.headers).trace_id()
    );
    assert!(!told.contains_key("tracestate"));
    assert_eq!(RequestId::of(&told).unwrap().as_str().len(), 36);
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_stays_so() {
    let told = Told::default();
    let tracing = server().sample(0.0).build().unwrap();
    handle(&tracing, request(&[]), || async { call(&client(), &told, request(&[])).await }).await;
    assert!(!context(&last(&told)).is_sampled());

    let never = ClientTracing::builder().sample(0.0).build().unwrap();
    call(&never, &told, request(&[])).await;
    assert!(!context(&last(&told)).is_sampled());
}

#[tokio::test]
async fn others_are_told_nothing() {
    let told = Told::default();
    let ours = ClientTracing::builder().when(|head| head.uri().host() == Some("ours"));
    let ours = ours.build().unwrap();
    handle(&server().build().unwrap(), request(&CALLER), || async {
        let mut theirs = request(&[]);
        *theirs.uri_mut() = "http://theirs/".parse().unwrap();
        call(&ours, &told, theirs).await;
        assert!(last(&told).is_empty());

        let mut own = request(&[]);
        *own.uri_mut() = "http://ours/".parse().unwrap();
        call(&ours, &told, own).await;
        assert_eq!(last(&told)["x-request-id"], "mine");
    })
    .await;
    let no_ids = ClientTracing::builder().request_ids(false).build().unwrap();
    call(&no_ids, &told, request(&[])).await;
    assert!(!last(&told).contains_key("x-request-id"));
    assert!(last(&told).contains_key("traceparent"));
}

#[tokio::test]
async fn what_is_spawned_takes_the_request_along_if_it_is_told_to() {
    let told = Told::default();
    handle(&server().build().unwrap(), request(&CALLER), || async {
        let alone = tokio::spawn(async { current().is_none() });
        assert!(alone.await.unwrap(), "it belongs to the task");

        let spawned = told.clone();
        let call = async move { call(&client(), &spawned, request(&[])).await };
        tokio::spawn(current().unwrap().run(call)).await.unwrap();
        assert_eq!(last(&told)["x-request-id"], "mine");
    })
    .await;
    assert!(current().is_none());
}

#[tokio::test]
async fn what_is_spawned_and_given_up_is_dropped_as_part_of_the_request() {
    struct Asks(mpsc::Sender<Option<String>>);

    impl Drop for Asks {
        fn drop(&mut self) {
            let id = current().and_then(|current| current.request_id());
            self.0.send(id.map(|id| id.to_string())).unwrap();
        }
    }

    let (asks, told) = mpsc::channel();
    handle(&server().build().unwrap(), request(&CALLER), || async {
        let asks = Asks(asks.clone());
        let task = tokio::spawn(current().unwrap().run(async move {
            let _asks = asks;
            std::future::pending::<()>().await;
        }));
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    })
    .await;
    assert_eq!(told.recv().unwrap().as_deref(), Some("mine"));
}

#[tokio::test]
async fn the_current_request_is_that_of_the_innermost_layer() {
    let outer = server().build().unwrap();
    let inner = server().build().unwrap();
    let id = || current().unwrap().request_id().unwrap().to_string();
    handle(&outer, request(&[("x-request-id", "outer")]), || async {
        assert_eq!(id(), "outer");
        let handler = || async { assert_eq!(id(), "inner") };
        handle(&inner, request(&[("x-request-id", "inner")]), handler).await;
        assert_eq!(id(), "outer");
    })
    .await;
}

#[tokio::test]
async fn ids_can_be_written_by_hand() {
    let tracing = server().baggage(["user"]).build().unwrap();
    handle(&tracing, request(&CALLER), || async {
        let current = current().unwrap();
        let mut headers = HeaderMap::new();
        current.inject(&mut headers);
        assert_eq!(&context(&headers), current.context());
        assert_eq!(headers["x-request-id"], "mine");
        assert_eq!(headers["baggage"], "user=alice");
    })
    .await;
}
