//! What leaves the process about what happens in it: lines of the log, and where a collector is
//! there, spans and metrics.

mod log;
mod post;

use std::time::Duration;

use http::Uri;
use opentelemetry::{metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_otlp::{
    MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tower_ready_obs::OpenTelemetry;
use tower_ready_shutdown::Lifecycle;

pub(crate) use self::log::{Format, start};
use self::post::Post;
use crate::flags::Refusal;

/// How long the last spans and metrics may take when the process ends.
const FLUSH: Duration = Duration::from_secs(2);

/// A collector, and what it is told by.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    spans: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

impl Collector {
    /// Spans and metrics go there in batches, from threads of their own. How large and how often is
    /// for the `OTEL_*` variables to say.
    pub(crate) fn new(base: &Uri, host: &str) -> Result<Self, Refusal> {
        let refuse = |error: &dyn std::fmt::Display| Refusal::new("--otlp", error);
        let resource =
            Resource::builder().with_service_name(format!("tower-ready-example-{host}")).build();
        let base = base.to_string();
        let base = base.trim_end_matches('/');
        let spans = SpanExporter::builder()
            .with_http()
            .with_http_client(Post)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .build()
            .map_err(|error| refuse(&error))?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_http_client(Post)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/metrics"))
            .build()
            .map_err(|error| refuse(&error))?;
        Ok(Self {
            spans: SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(spans)
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_resource(resource)
                .with_periodic_exporter(metrics)
                .build(),
        })
    }

    /// Keeps what is counted in instruments of OpenTelemetry too.
    pub(crate) fn recorder(&self) -> OpenTelemetry {
        OpenTelemetry::new(self.metrics.meter("tower-ready-examples"))
    }

    fn tracer(&self) -> opentelemetry_sdk::trace::SdkTracer {
        self.spans.tracer("tower-ready-examples")
    }

    /// Sends what is left when the process ends. Made before all that may have something to tell, it
    /// is the last to end.
    pub(crate) fn flush_with(&self, lifecycle: &Lifecycle) {
        let collector = self.clone();
        lifecycle.on_stop_within(FLUSH, "telemetry", async move || {
            // It waits for threads, which must not stop those that serve.
            let flushed = tokio::task::spawn_blocking(move || {
                let _ = collector.spans.shutdown_with_timeout(FLUSH);
                let _ = collector.metrics.shutdown_with_timeout(FLUSH);
            });
            let _ = flushed.await;
        });
    }
}
