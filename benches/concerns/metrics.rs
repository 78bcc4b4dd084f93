//! Metrics: what it costs to count a request, and to scrape what was counted.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum_prometheus::AXUM_HTTP_REQUESTS_DURATION_SECONDS;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full, combinators::WithTrailers};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};
use tower::util::{ServiceFn, service_fn};
use tower_layer::Layer;
use tower_ready_benches::{Cases, Repeat};
use tower_ready_core::{Instant, Route};
use tower_ready_obs::{GrpcMethods, Metrics, MetricsBuilder, OpenTelemetry, RouteTable};
use tower_service::Service;

use crate::{
    requests::{get, grpc, with_ids},
    stacks::peers,
};

pub(crate) fn cases(cases: &mut Cases) {
    // A peer spawns a task to keep house.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime: &'static _ = Box::leak(Box::new(runtime.expect("a runtime")));
    Box::leak(Box::new(runtime.enter()));

    let routed = || {
        let mut request = get();
        request.extensions_mut().insert(Route::from("/orders/{id}"));
        request
    };
    let table = || builder().routes(RouteTable::new(["/", "/orders", "/orders/{id}"]));
    let provider = || {
        Box::leak(Box::new(
            SdkMeterProvider::builder().with_reader(ManualReader::builder().build()).build(),
        ))
    };
    let meter = || provider().meter("bench");
    let otel = || builder().recorder(OpenTelemetry::new(meter()));
    let axum_prometheus = peers::prometheus();
    assert_eq!(AXUM_HTTP_REQUESTS_DURATION_SECONDS, "axum_http_requests_duration_seconds");
    // It knows the global meter alone.
    opentelemetry::global::set_meter_provider(provider().clone());
    let instrumentation =
        opentelemetry_instrumentation_tower::http::server::LayerBuilder::builder()
            .with_tracing(false)
            .build()
            .expect("a layer");
    cases
        .over("count a request", "a no-op service", call(&get(), no_op()))
        .ours("own, no route", call(&get(), layer(builder()).layer(no_op())))
        .ours("own, route from a table", call(&get(), layer(table()).layer(no_op())))
        .ours(
            "own, without time to headers",
            call(&get(), layer(table().time_to_headers(false)).layer(no_op())),
        )
        .ours(
            "own, sizes, native",
            call(&get(), layer(table().body_sizes(true).native_histograms(true)).layer(no_op())),
        )
        .ours("own, with an exemplar", call(&with_ids(get()), layer(table()).layer(no_op())))
        .ours("own and prometheus", call(&get(), prometheus(table()).layer(no_op())))
        .ours("own and OpenTelemetry", call(&get(), layer(otel()).layer(no_op())))
        .ours("not counted", call(&get(), layer(builder()).when(|_| false).layer(no_op())))
        .peer("axum-prometheus", call(&get(), axum_prometheus.layer(no_op())))
        .peer("opentelemetry-instrumentation-tower", call(&get(), instrumentation.layer(no_op())))
        .peer(
            "tower-otel",
            call(&get(), tower_otel::metrics::HttpLayer::server(&meter()).layer(no_op())),
        );

    cases
        .over("count a request that axum has routed", "a no-op service", call(&routed(), no_op()))
        .ours("own", call(&routed(), layer(builder()).layer(no_op())));

    let methods = || GrpcMethods::new().service("orders.v1.Orders", ["Get"]);
    cases
        .over("count a call", "a no-op service with trailers", call(&grpc(), trailers()))
        .ours("own", call(&grpc(), layer(builder().grpc(methods())).layer(trailers())));

    for (name, series) in [("scrape 1,000 lines", 30), ("scrape 10,000 lines", 300)] {
        let metrics = filled(series);
        let accept = |accept: &'static str| {
            let mut service = metrics.scrape_service();
            Repeat::of(move || {
                let mut request = Request::new(());
                request.headers_mut().insert("accept", HeaderValue::from_static(accept));
                drain(&mut service, request)
            })
        };
        let registry = prometheus::Registry::new();
        registry.register(Box::new(metrics.collector())).expect("it is new");
        let gather = Repeat::of(move || {
            prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text")
        });
        let peer = peer_registry(series);
        cases
            .operations(name)
            .ours("text", accept("*/*"))
            .ours("OpenMetrics", accept("application/openmetrics-text;version=1.0.0"))
            .ours("protocol buffers", accept("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"))
            .ours("in a registry of prometheus", gather)
            .peer("prometheus", Repeat::of(move || {
                prometheus::TextEncoder::new().encode_to_string(&peer.gather()).expect("text")
            }));
    }
}

fn builder() -> MetricsBuilder {
    Metrics::builder()
}

fn layer(builder: MetricsBuilder) -> tower_ready_obs::MetricsLayer {
    builder.build().expect("it is valid").layer()
}

fn prometheus(builder: MetricsBuilder) -> tower_ready_obs::MetricsLayer {
    let metrics = builder.build().expect("it is valid");
    let registry = prometheus::Registry::new();
    registry.register(Box::new(metrics.collector())).expect("it is new");
    Box::leak(Box::new(registry));
    metrics.layer()
}

/// A service that answers at once.
type AtOnce<B> = ServiceFn<fn(Request<Empty<Bytes>>) -> Answer<B>>;
type Answer<B> = Ready<Result<Response<B>, Infallible>>;

/// The layers of peers ask for a body and an error, where ours does not mind.
fn no_op() -> AtOnce<Full<Bytes>> {
    service_fn(|request| {
        black_box(&request);
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
    })
}

type Trailers = Ready<Option<Result<HeaderMap, Infallible>>>;

fn trailers() -> AtOnce<WithTrailers<Full<Bytes>, Trailers>> {
    service_fn(|request| {
        black_box(&request);
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let body = Full::new(Bytes::from_static(b"ok")).with_trailers(ready(Some(Ok(trailers))));
        ready(Ok(Response::new(body)))
    })
}

/// Like the library's own, with a body of the kind that peers ask for.
fn call<S, B>(request: &Request<()>, mut service: S) -> Repeat
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + 'static,
    B: Body,
{
    let request = request.clone();
    Repeat::of(move || {
        let context = &mut Context::from_waker(Waker::noop());
        let is_ready = matches!(service.poll_ready(context), Poll::Ready(Ok(())));
        assert!(is_ready, "the service is not ready");
        let request = black_box(request.clone()).map(|()| Empty::new());
        let future = pin!(service.call(request));
        let Poll::Ready(Ok(response)) = future.poll(context) else {
            panic!("the service has no answer");
        };
        let (parts, body) = response.into_parts();
        black_box(&parts);
        let mut body = pin!(body);
        while !body.is_end_stream() {
            match body.as_mut().poll_frame(context) {
                Poll::Ready(Some(frame)) => drop(black_box(frame)),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("the body waits"),
            }
        }
    })
}

fn drain<S, B>(service: &mut S, request: Request<()>) -> usize
where
    S: Service<Request<()>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    let context = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(context) else {
        panic!("no answer");
    };
    let (mut body, mut bytes) = (pin!(response.into_body()), 0);
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(context) {
        bytes += black_box(frame).data_ref().map_or(0, Bytes::len);
    }
    bytes
}

/// This many series of two histograms, of 17 lines each.
fn filled(series: usize) -> Metrics {
    let metrics = builder().build().expect("it is valid");
    let mut service = metrics.layer().layer(no_op());
    for n in 0..series {
        let mut request = get().map(|()| Empty::new());
        request.extensions_mut().insert(Route::from(format!("/orders/{n}/items/{{id}}").as_str()));
        drop(pin!(service.call(request)).poll(&mut Context::from_waker(Waker::noop())));
    }
    metrics
}

/// The same numbers as that crate keeps them itself.
fn peer_registry(series: usize) -> prometheus::Registry {
    let registry = prometheus::Registry::new();
    for name in ["http_server_request_duration_seconds", "tower_ready_http_time_to_headers_seconds"]
    {
        let bounds =
            vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
        let options = prometheus::HistogramOpts::new(name, "How long.").buckets(bounds);
        let labels = [
            "http_request_method",
            "url_scheme",
            "http_route",
            "http_response_status_code",
            "network_protocol_version",
        ];
        let histogram = prometheus::HistogramVec::new(options, &labels).expect("valid");
        for n in 0..series {
            let route = format!("/orders/{n}/items/{{id}}");
            histogram.with_label_values(&["GET", "http", &route, "200", "1.1"]).observe(0.001);
        }
        registry.register(Box::new(histogram)).expect("it is new");
    }
    let _ = Instant::now();
    registry
}
