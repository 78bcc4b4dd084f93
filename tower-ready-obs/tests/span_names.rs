//! The names of exported spans come from a set that callers cannot grow.

use std::{convert::Infallible, pin::pin, task::Waker};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Empty;
use opentelemetry::{Value, trace::TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::{LocalRejection, grpc::Code};
use tower_ready_obs::{GrpcMethods, Tracing, TracingBuilder};
use tracing_subscriber::layer::SubscriberExt;

/// How a call is answered.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Code(Code),
    /// By a layer in place of the service.
    Rejected(Code),
    /// Not at all: its caller leaves.
    Never,
}

/// The span of a call.
async fn span(tracing: TracingBuilder, path: &str, answer: Answer) -> SpanData {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    // With a second subscriber around, tracing asks both whether they want a span.
    let _ = tower_ready_testing::logs::capture();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let inner = service_fn(move |_: Request<()>| async move {
        let mut response = Response::new(Empty::<Bytes>::new());
        let code = match answer {
            Answer::Never => std::future::pending().await,
            Answer::Code(code) => code,
            Answer::Rejected(code) => {
                response.extensions_mut().insert(LocalRejection::new("ratelimit", "quota"));
                code
            }
        };
        response.headers_mut().insert("grpc-status", HeaderValue::from(code as u16));
        Ok::<_, Infallible>(response)
    });
    let mut service = tracing.no_access_log().build().unwrap().layer().layer(inner);
    let request = Request::post(path).header("content-type", "application/grpc");
    {
        let mut call = pin!(service.ready().await.unwrap().call(request.body(()).unwrap()));
        let _ = call.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
    }
    provider.force_flush().unwrap();
    let spans = exporter.get_finished_spans().unwrap();
    let [span] = &*spans else { panic!("{spans:?}") };
    span.clone()
}

fn attribute(span: &SpanData, key: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.clone())
}

async fn assert_name(tracing: TracingBuilder, path: &str, answer: Answer, expected: &str) {
    let span = span(tracing, path, answer).await;
    assert_eq!(span.name, expected.to_owned(), "{path} {answer:?}");
    assert_eq!(attribute(&span, "rpc.method"), Some(Value::from(expected.to_owned())));
    let original = (expected == "_OTHER").then(|| Value::from(path[1..].to_owned()));
    assert_eq!(attribute(&span, "rpc.method_original"), original);
}

#[tokio::test]
async fn a_call_is_named_when_a_service_that_knows_it_has_answered() {
    for (answer, name) in [
        (Answer::Code(Code::Ok), "a.B/Get"),
        (Answer::Code(Code::NotFound), "a.B/Get"),
        (Answer::Code(Code::Unimplemented), "_OTHER"),
        (Answer::Rejected(Code::ResourceExhausted), "_OTHER"),
        (Answer::Never, "_OTHER"),
    ] {
        assert_name(Tracing::builder(), "/a.B/Get", answer, name).await;
    }
}

#[tokio::test]
async fn a_call_of_a_declared_method_is_always_named_and_no_other_is() {
    let tracing = || {
        let methods = GrpcMethods::new().service("a.B", ["Get"]).learn("c.D");
        Tracing::builder().grpc(methods)
    };
    for answer in [
        Answer::Code(Code::Unauthenticated),
        Answer::Rejected(Code::ResourceExhausted),
        Answer::Never,
    ] {
        assert_name(tracing(), "/a.B/Get", answer, "a.B/Get").await;
        assert_name(tracing(), "/a.B/Made.Up", answer, "_OTHER").await;
        assert_name(tracing(), "/c.D/Get", answer, "_OTHER").await;
    }
    assert_name(tracing(), "/c.D/Get", Answer::Code(Code::Ok), "c.D/Get").await;
}
