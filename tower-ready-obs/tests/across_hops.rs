//! One trace over axum, tonic and hyper: the same id in every header, log line, problem and exported
//! span. The collector is a server of the test's own that takes OTLP over HTTP.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use axum::{Router, extract::Extension, routing::get};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value as OtlpValue,
    trace::v1::{Span, span::SpanKind},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use serde_json::Value;
use tokio::net::TcpListener;
use tonic::{
    Status,
    codegen::BoxStream,
    transport::{Channel, server::TcpIncoming},
};
use tower::{Layer, ServiceExt};
use tower_ready_obs::{ClientTraceService, ClientTracing, Edge, Tracing};
use tower_ready_problem::{Problem, Problems, types};
use tower_ready_testing::{
    Call, Server,
    hosts::{Axum, Hyper},
    probe::{
        Probe,
        proto::{
            Answer, Behaviour,
            probe_client::ProbeClient,
            probe_server::{self, ProbeServer},
        },
    },
};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// What the log and the collector have received.
#[derive(Clone, Default)]
struct Received {
    log: Arc<Mutex<Vec<u8>>>,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Write for Received {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Received {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Received {
    /// The lines of the log that belong to a trace.
    fn lines(&self, trace: &str) -> Vec<Value> {
        let all = String::from_utf8(self.log.lock().unwrap().clone()).unwrap();
        let lines = all.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.filter(|line: &Value| ids(line).0 == trace).collect()
    }

    fn spans(&self, trace: &str) -> Vec<Span> {
        let spans = self.spans.lock().unwrap().clone();
        spans.into_iter().filter(|span| hex(&span.trace_id) == trace).collect()
    }
}

/// The ids of a line: its own, or those of its span.
fn ids(line: &Value) -> (&str, &str) {
    let of = |name| line[name].as_str().or_else(|| line["span"][name].as_str());
    (of("trace_id").unwrap_or_default(), of("request_id").unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Starts the collector.
async fn collector(received: Received) -> SocketAddr {
    let take = move |body: Bytes| async move {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        received.spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    };
    let router = Router::new().route("/v1/traces", axum::routing::post(take));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A client for the exporter, which has a thread of its own and waits there.
#[derive(Debug)]
struct Blocking(SocketAddr);

#[tonic::async_trait]
impl opentelemetry_http::HttpClient for Blocking {
    async fn send_bytes(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, opentelemetry_http::HttpError> {
        let mut stream = TcpStream::connect(self.0)?;
        let (parts, body) = request.into_parts();
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {}\r\n", parts.uri.path(), self.0);
        head += &format!("content-length: {}\r\nconnection: close\r\n", body.len());
        for (name, value) in &parts.headers {
            head += &format!("{name}: {}\r\n", value.to_str()?);
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(&body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.get(9..12).unwrap_or_default();
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}

/// Sends spans to the collector and lines to the log.
fn subscribe(received: Received, collector: SocketAddr) -> SdkTracerProvider {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Blocking(collector))
        .with_endpoint(format!("http://{collector}/v1/traces"))
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(received);
    let subscriber = tracing_subscriber::registry()
        .with(lines)
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")))
        // hyper and h2 have spans of their own below this level.
        .with(LevelFilter::INFO);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    provider
}

fn server() -> Tracing {
    Tracing::builder().edge(Edge::Trusted).build().unwrap()
}

fn client() -> ClientTracing {
    ClientTracing::builder().build().unwrap()
}

fn problems() -> Problems {
    Problems::builder().build().unwrap()
}

/// The one in the middle, which asks the last one.
struct Middle {
    last: ClientTraceService<Client<HttpConnector, Empty<Bytes>>>,
    uri: Uri,
}

type Reply<T> = Result<tonic::Response<T>, Status>;

#[tonic::async_trait]
impl probe_server::Probe for Middle {
    type StreamStream = BoxStream<Answer>;

    async fn a(&self, _: tonic::Request<Behaviour>) -> Reply<Answer> {
        tracing::info!("talk: the middle");
        let request = Request::get(self.uri.clone()).body(Empty::new()).unwrap();
        let answer = self.last.clone().oneshot(request).await;
        let answer = answer.map_err(|error| Status::unavailable(error.to_string()))?;
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        Ok(tonic::Response::new(Answer { text: String::from_utf8(text.to_vec()).unwrap() }))
    }

    async fn b(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.a(request).await
    }

    async fn c(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.a(request).await
    }

    async fn stream(&self, _: tonic::Request<Behaviour>) -> Reply<Self::StreamStream> {
        Err(Status::unimplemented("this is about single answers"))
    }
}

/// The first one: it asks the one in the middle, and fails with what came of it.
async fn first(
    Extension(channel): Extension<ClientTraceService<Channel>>,
) -> Result<String, StatusProblem> {
    tracing::info!("talk: the first");
    let answer = ProbeClient::new(channel).a(Behaviour::default()).await.unwrap();
    let problem = Problem::new(&types::UNAVAILABLE).detail("the last one is gone");
    Err(StatusProblem(problem.with("theirs", answer.into_inner().text)))
}

/// A problem as the answer of a handler, for the layer to write.
struct StatusProblem(Problem);

impl axum::response::IntoResponse for StatusProblem {
    fn into_response(self) -> axum::response::Response {
        let caller = tower_ready_problem::Caller::of(&Request::new(()));
        self.0.answer(&caller).map(axum::body::Body::from)
    }
}

/// All three.
async fn chain() -> (Server, Server) {
    let last = Hyper.serve((server().layer(), problems().layer())).await;

    let uri = format!("http://{}/probe/a?fail=1&status=503&message=gone", last.address());
    let middle = Middle {
        last: client().layer().layer(Client::builder(TokioExecutor::new()).build_http()),
        uri: uri.parse().unwrap(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tonic = tonic::transport::Server::builder()
        .layer(server().layer())
        .add_service(ProbeServer::new(middle));
    tokio::spawn(tonic.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = client().layer().layer(channel.connect().await.unwrap());
    let router = Router::new()
        .route("/probe/first", get(first))
        .layer((server().layer(), problems().layer()))
        .layer(Extension(channel));
    (Axum.serve_router(router, Probe::new()).await, last)
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a OtlpValue> {
    let own = span.attributes.iter().find(|attribute| attribute.key == key)?;
    own.value.as_ref()?.value.as_ref()
}

fn text(span: &Span, key: &str) -> String {
    match attribute(span, key) {
        Some(OtlpValue::StringValue(text)) => text.clone(),
        Some(OtlpValue::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_the_same_in_headers_logs_problems_and_spans() {
    let received = Received::default();
    let provider = subscribe(received.clone(), collector(received.clone()).await);
    let (first, last) = chain().await;

    let call = Call::ok().at("/probe/first").header("x-request-id", "mine");
    let caller = format!("00-{TRACE}-b7ad6b7169203331-03");
    let traced = call.clone().header("traceparent", &caller).header("tracestate", "a=1,b@c@d=2");
    let reply = first.call(traced).await;
    assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);

    // The ids in the answer, in its problem, and in the problem of the last one, which it quotes.
    assert_eq!(reply.header("x-request-id"), Some("mine"));
    let problem = reply.problem();
    let theirs: Value = serde_json::from_str(problem["theirs"].as_str().unwrap()).unwrap();
    for problem in [&problem, &theirs] {
        assert_eq!(problem["trace_id"], TRACE, "{problem}");
        assert_eq!(problem["request_id"], "mine", "{problem}");
    }
    // What the last one was told: the trace, its flags, and the whole of its state.
    let told = last.last_seen();
    assert_eq!(told.header("tracestate"), Some("a=1,b@c@d=2"));
    assert_eq!(told.header("x-request-id"), Some("mine"));
    assert!(told.header("traceparent").unwrap().starts_with(&format!("00-{TRACE}-")));
    assert!(told.header("traceparent").unwrap().ends_with("-03"));

    // A caller that does not sample.
    let quiet = TRACE.replace('0', "f");
    let unsampled = format!("00-{quiet}-b7ad6b7169203331-00");
    let reply = first.call(call.clone().header("traceparent", unsampled)).await;
    assert_eq!(reply.problem()["trace_id"], quiet);
    assert!(last.last_seen().header("traceparent").unwrap().ends_with("-00"));

    // And one that knows of no traces.
    let reply = first.call(call).await;
    let fresh = reply.problem()["trace_id"].as_str().unwrap().to_owned();

    tokio::task::spawn_blocking(move || provider.force_flush().unwrap()).await.unwrap();
    assert_lines(&received, TRACE);
    assert_lines(&received, &quiet);
    assert_lines(&received, &fresh);
    assert_spans(&received.spans(TRACE), "b7ad6b7169203331");
    assert_spans(&received.spans(&fresh), "");
    assert!(received.spans(&quiet).is_empty(), "what is not sampled is not exported");
    assert_eq!(received.spans.lock().unwrap().len(), 10);
}

/// Three lines of the access log and two of handlers, all with both ids.
#[track_caller]
fn assert_lines(received: &Received, trace: &str) {
    let lines = received.lines(trace);
    let under = |target: &str| lines.iter().filter(|line| line["target"] == target).count();
    assert_eq!(under("tower_ready_obs::access"), 3, "{lines:#?}");
    assert_eq!(under("across_hops"), 2, "{lines:#?}");
    for line in &lines {
        assert_eq!(ids(line).1, "mine", "{line}");
    }
}

/// Five spans, each the parent of the next one.
#[track_caller]
fn assert_spans(spans: &[Span], caller: &str) {
    assert_eq!(spans.len(), 5, "{spans:#?}");
    let mut parent = caller.to_owned();
    let mut chain = Vec::new();
    for _ in 0..5 {
        let next = spans.iter().find(|span| hex(&span.parent_span_id) == parent);
        let next = next.unwrap_or_else(|| panic!("nobody has the parent {parent:?}: {spans:#?}"));
        parent = hex(&next.span_id);
        chain.push(next);
    }
    let (server, client) = (SpanKind::Server as i32, SpanKind::Client as i32);
    let kinds: Vec<i32> = chain.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [server, client, server, client, server]);
    let names: Vec<&str> = chain.iter().map(|span| &*span.name).collect();
    let method = "testing.v1.Probe/A";
    assert_eq!(names[1..], [method, method, "GET", "GET"]);

    let [first, call, middle, request, last] = chain[..] else { panic!("five spans") };
    for span in [call, middle] {
        assert_eq!(text(span, "rpc.system.name"), "grpc");
        assert_eq!(text(span, "rpc.method"), method);
        assert_eq!(text(span, "rpc.response.status_code"), "OK");
        assert_eq!(attribute(span, "error.type"), None);
        assert_eq!(span.status.as_ref().map_or(0, |status| status.code), 0, "unset");
    }
    for span in [first, request, last] {
        assert_eq!(text(span, "http.request.method"), "GET");
        assert_eq!(text(span, "http.response.status_code"), "503");
        assert_eq!(text(span, "error.type"), "503");
        assert_eq!(span.status.as_ref().map_or(0, |status| status.code), 2, "an error");
        let attributes = format!("{:?}", span.attributes);
        assert!(!attributes.contains("message=gone"), "no query: {attributes}");
    }
    assert_eq!(text(first, "url.path"), "/probe/first");
    assert_eq!(text(request, "server.address"), "127.0.0.1");
    assert!(text(request, "url.full").ends_with("/probe/a"));
    for span in chain {
        assert_eq!(text(span, "request_id"), "mine");
    }
}
