//! Ids, spans and the access log: what they cost when nobody listens, and when somebody does.

use std::{cell::RefCell, io};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body::Body;
use http_body_util::Empty;
use tower::{ServiceBuilder, service_fn};
use tower_http::{
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer as TowerHttpTrace,
};
use tower_layer::Layer;
use tower_ready_benches::{Cases, NoOp, Repeat};
use tower_ready_obs::{
    AccessLog, ClientTracing, Edge, Spans, TraceContext, TraceState, Tracing, TracingBuilder,
};
use tower_service::Service;
use tracing::Dispatch;

use crate::requests::{get, grpc, with_ids};

pub(crate) fn cases(cases: &mut Cases) {
    let traced = with_ids(get());
    let id = HeaderName::from_static("x-request-id");
    let theirs = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(id));

    let client = || ClientTracing::builder().build().expect("it is valid").layer();
    let calls = || {
        let client = RefCell::new(client().layer(NoOp));
        service_fn(move |request: Request<()>| client.borrow_mut().call(request))
    };
    cases
        .over("nobody listens", "a no-op service", call(&get(), NoOp))
        .ours("a request id", call(&get(), layer(quiet()).layer(NoOp)))
        .ours("a trace", call(&get(), layer(quiet().request_ids(false)).layer(NoOp)))
        .ours("both, with an access log", call(&get(), layer(Tracing::builder()).layer(NoOp)))
        .ours("both, and told to the next hop", call(&get(), layer(quiet()).layer(calls())))
        .ours("a client", call(&get(), client().layer(NoOp)))
        .peer("tower-http request id", call(&get(), theirs.service(NoOp)))
        .peer(
            "tower-http trace",
            call(&get(), with_body(TowerHttpTrace::new_for_http().layer(NoOp))),
        );

    let trusted = || quiet().edge(Edge::Trusted);
    cases
        .over("ids of a caller", "a no-op service", call(&traced, NoOp))
        .ours("a request id and a trace", call(&traced, layer(trusted()).layer(NoOp)))
        .ours("a trace", call(&traced, layer(trusted().request_ids(false)).layer(NoOp)))
        .ours("neither is believed", call(&traced, layer(quiet()).layer(NoOp)))
        .peer("tower-http request id", call(&traced, theirs.service(NoOp)));
    cases
        .over("gRPC", "a no-op service", call(&grpc(), NoOp))
        .ours("a request id", call(&grpc(), layer(quiet()).layer(NoOp)));

    let spans = |builder: TracingBuilder| heard(&get(), layer(builder).layer(NoOp));
    let never = || quiet().sample(0.0);
    cases
        .over("plain text to a sink", "a no-op service", heard(&get(), NoOp))
        .ours("not sampled, no span", spans(never().spans(Spans::Sampled)))
        .ours("not sampled, a span for the log", spans(never()))
        .ours("a span", spans(quiet()))
        .ours("an access log", spans(Tracing::builder().spans(Spans::None)))
        .ours("an access log of failures", {
            let log = AccessLog::builder().sample(0.0);
            spans(Tracing::builder().spans(Spans::None).access_log(log))
        })
        .ours("both", spans(Tracing::builder()))
        .peer("tower-http trace, INFO", {
            use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse};
            let level = tracing::Level::INFO;
            let layer = TowerHttpTrace::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(level))
                .on_response(DefaultOnResponse::new().level(level));
            heard(&get(), with_body(layer.layer(NoOp)))
        });

    let headers = traced.headers().clone();
    let context = TraceContext::extract(&headers).expect("a valid context");
    let mut state = headers.clone();
    state.insert("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE".parse().expect("a value"));
    cases
        .operations("trace context")
        .ours("extract", Repeat::of(move || TraceContext::extract(&headers)))
        .ours("a state of two members", Repeat::of(move || TraceState::of(&state)))
        .ours("a new trace", Repeat::of(TraceContext::root))
        .ours("write", Repeat::of(move || context.traceparent()));
}

/// For a service that asks for a body.
fn with_body<S>(
    service: S,
) -> impl Service<Request<()>, Response = S::Response, Error = S::Error, Future = S::Future>
where
    S: Service<Request<Empty<Bytes>>>,
{
    let body = |request: Request<()>| request.map(|()| Empty::new());
    ServiceBuilder::new().map_request(body).service(service)
}

/// Without a log.
fn quiet() -> TracingBuilder {
    Tracing::builder().no_access_log()
}

fn layer(builder: TracingBuilder) -> tower_ready_obs::TraceLayer {
    builder.build().expect("it is valid").layer()
}

/// Like the library's own, but the request has the room for more headers that hyper leaves: it
/// reserves as many as it has read, and the map rounds up.
fn call<S, B>(request: &Request<()>, mut service: S) -> Repeat
where
    S: Service<Request<()>, Response = Response<B>> + 'static,
    B: Body,
{
    let headers = request.headers().clone();
    let bare = |request: &Request<()>| {
        let mut bare = request.clone();
        *bare.headers_mut() = HeaderMap::new();
        bare
    };
    tower_ready_benches::call(
        &bare(request),
        service_fn(move |mut request: Request<()>| {
            request.headers_mut().reserve(headers.len());
            for (name, value) in &headers {
                request.headers_mut().append(name, value.clone());
            }
            service.call(request)
        }),
    )
}

/// Calls a service while lines are formatted and thrown away.
fn heard<S, B>(request: &Request<()>, service: S) -> Repeat
where
    S: Service<Request<()>, Response = Response<B>> + 'static,
    B: Body,
{
    call(request, service).within(|run| {
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(io::sink);
        tracing::dispatcher::with_default(&Dispatch::new(lines.finish()), run);
        // Else those who are measured while nobody listens would go on asking.
        tracing::callsite::rebuild_interest_cache();
    })
}
