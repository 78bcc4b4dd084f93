//! What an SDK of OpenTelemetry hears.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use opentelemetry::{
    KeyValue, Value,
    metrics::{
        HistogramBuilder, InstrumentProvider, Meter, MeterProvider as _, SyncInstrument, noop,
    },
};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_core::Route;
use tower_ready_obs::{Metrics, OpenTelemetry};

async fn count(metrics: &Metrics, status: StatusCode, took: Duration) {
    let inner = service_fn(move |_: Request<()>| async move {
        tokio::time::advance(took).await;
        let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
        *response.status_mut() = status;
        Ok::<_, Infallible>(response)
    });
    let mut request = Request::new(());
    request.extensions_mut().insert(Route::from_static("/orders/{id}"));
    let answer = metrics.layer().layer(inner).oneshot(request).await.unwrap();
    drop(answer.into_body().collect().await);
}

fn provider() -> (SdkMeterProvider, InMemoryMetricExporter) {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    (provider, exporter)
}

/// Attributes, count and sum of each point of a histogram.
type Points = Vec<(Vec<KeyValue>, u64, f64)>;

fn histograms(exporter: &InMemoryMetricExporter) -> Vec<(String, Points)> {
    let mut found = Vec::new();
    for metric in exporter
        .get_finished_metrics()
        .unwrap()
        .iter()
        .flat_map(|it| it.scope_metrics().flat_map(|it| it.metrics()).collect::<Vec<_>>())
    {
        if let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() {
            let points = histogram
                .data_points()
                .map(|point| (point.attributes().cloned().collect(), point.count(), point.sum()));
            // What is bound is there from the start.
            let points: Points = points.filter(|point| point.1 > 0).collect();
            if !points.is_empty() {
                found.push((metric.name().to_owned(), points));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[tokio::test(start_paused = true)]
async fn bound_instruments_lose_nothing() {
    let (provider, exporter) = provider();
    let recorder = OpenTelemetry::new(provider.meter("test"));
    let metrics = Metrics::builder().body_sizes(true).recorder(recorder).build().unwrap();
    for _ in 0..3 {
        count(&metrics, StatusCode::OK, Duration::from_millis(250)).await;
    }
    count(&metrics, StatusCode::BAD_GATEWAY, Duration::from_millis(500)).await;
    provider.force_flush().unwrap();
    let histograms = histograms(&exporter);
    let names: Vec<_> = histograms.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "http.server.request.duration",
            "http.server.response.body.size",
            "tower_ready.http.time_to_headers",
        ]
    );
    let mut durations = histograms[0].1.clone();
    durations.sort_by_key(|point| point.1);
    let [(_, failed, long), (attributes, good, sum)] = &*durations else { panic!("{durations:?}") };
    assert_eq!((*failed, *long, *good, *sum), (1, 0.5, 3, 0.75));
    for (key, value) in [
        ("http.request.method", Value::from("GET")),
        ("url.scheme", Value::from("http")),
        ("http.route", Value::from("/orders/{id}")),
        ("http.response.status_code", Value::I64(200)),
        ("network.protocol.version", Value::from("1.1")),
    ] {
        assert!(attributes.contains(&KeyValue::new(key, value)), "{key} in {attributes:?}");
    }
    assert_eq!(attributes.len(), 5);
    let metrics = exporter.get_finished_metrics().unwrap();
    let active = metrics.iter().flat_map(|it| it.scope_metrics()).flat_map(|it| it.metrics());
    assert!(active.into_iter().any(|it| it.name() == "http.server.active_requests"));
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_marked_as_the_sdk_marks_it() {
    let (provider, exporter) = provider();
    let recorder = OpenTelemetry::new(provider.meter("test"));
    let builder = Metrics::builder().max_series(1).time_to_headers(false);
    let metrics = builder.recorder(recorder).build().unwrap();
    for status in [StatusCode::OK, StatusCode::BAD_GATEWAY, StatusCode::NOT_FOUND] {
        count(&metrics, status, Duration::from_millis(250)).await;
    }
    provider.force_flush().unwrap();
    let (_, points) = &histograms(&exporter)[0];
    let overflow = [KeyValue::new("otel.metric.overflow", true)];
    let point = points.iter().find(|(attributes, ..)| *attributes == overflow);
    assert_eq!(point.map(|point| point.1), Some(2), "{points:?}");
}

/// An SDK that does not bind, as one without that feature.
struct Unbound(Arc<dyn SyncInstrument<f64> + Send + Sync>);

struct Forwarding(opentelemetry::metrics::Histogram<f64>);

impl SyncInstrument<f64> for Forwarding {
    fn measure(&self, measurement: f64, attributes: &[KeyValue]) {
        self.0.record(measurement, attributes);
    }
}

impl InstrumentProvider for Unbound {
    fn f64_histogram(
        &self,
        _: HistogramBuilder<'_, opentelemetry::metrics::Histogram<f64>>,
    ) -> opentelemetry::metrics::Histogram<f64> {
        opentelemetry::metrics::Histogram::new(self.0.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn an_sdk_that_does_not_bind_loses_nothing_either() {
    let (provider, exporter) = provider();
    let histogram = provider.meter("test").f64_histogram("forwarded").build();
    let unbound = Unbound(Arc::new(Forwarding(histogram)));
    let recorder = OpenTelemetry::new(Meter::new(Arc::new(unbound)));
    let metrics = Metrics::builder().time_to_headers(false).recorder(recorder).build().unwrap();
    for _ in 0..3 {
        count(&metrics, StatusCode::OK, Duration::from_millis(250)).await;
    }
    provider.force_flush().unwrap();
    let histograms = histograms(&exporter);
    let (_, points) = &histograms[0];
    assert_eq!((points.len(), points[0].1, points[0].2), (1, 3, 0.75));
}

#[tokio::test(start_paused = true)]
async fn nobody_may_listen() {
    let meter = noop::NoopMeterProvider::new().meter("test");
    let metrics = Metrics::builder().recorder((OpenTelemetry::new(meter), ())).build().unwrap();
    count(&metrics, StatusCode::OK, Duration::from_millis(250)).await;
    metrics.scrape().assert("http_server_request_duration_seconds_count", 1.0);
}
