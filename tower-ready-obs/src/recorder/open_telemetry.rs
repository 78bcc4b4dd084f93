use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Once, PoisonError},
};

use opentelemetry::{
    KeyValue, StringValue, Value,
    metrics::{BoundHistogram, Histogram, Meter},
};

use super::{Measured, Record, Recorder, SeriesInfo};
use crate::{
    labels::{Attribute, LabelSet, attributes},
    metrics::{Metrics, places},
    series::key::Kind,
};

/// Records what is measured in instruments of OpenTelemetry, under the names and with the
/// attributes and buckets of its semantic conventions.
///
/// Instruments are bound to the attributes of a series once, which saves the look-up by attributes
/// at each request. That is an experiment of the API, and an SDK without the feature
/// `experimental_metrics_bound_instruments` drops what is recorded so, silently. Therefore each is
/// checked when it is bound, and where the SDK did not bind it attributes are looked up after all:
/// it takes longer, of which a warning tells, and nothing is lost.
///
/// How many requests are being served is observed when the SDK collects.
#[derive(Debug)]
pub struct OpenTelemetry {
    meter: Meter,
    /// One for each name.
    instruments: Mutex<HashMap<String, Histogram<f64>>>,
    warned: Once,
}

impl OpenTelemetry {
    /// Instruments of this meter.
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        Self { meter, instruments: Mutex::default(), warned: Once::new() }
    }

    fn histogram(&self, name: &str, unit: &'static str, bounds: &[f64]) -> Histogram<f64> {
        let mut instruments = self.instruments.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let builder = self.meter.f64_histogram(name.to_owned()).with_unit(unit);
            match bounds {
                [] => builder.build(),
                bounds => builder.with_boundaries(bounds.to_vec()).build(),
            }
        };
        instruments.entry(name.to_owned()).or_insert_with(make).clone()
    }

    fn kept(&self, name: &str, unit: &'static str, bounds: &[f64], labels: &LabelSet) -> Kept {
        let histogram = self.histogram(name, unit, bounds);
        if labels.iter().any(|(attribute, _)| attribute == attributes::OVERFLOW) {
            // It has no text to tell by.
            return Kept::Free(histogram, [KeyValue::new("otel.metric.overflow", true)].into());
        }
        // An SDK that binds has to remember the attributes, so it shares this text of ours for as
        // long as the instrument is bound. One that does not has forgotten it already.
        let probe: Arc<str> = labels.iter().next().map_or("", |(_, value)| value).into();
        let attributes = key_values(labels, &probe);
        let ours = Arc::strong_count(&probe);
        let bound = histogram.bind(&attributes);
        if Arc::strong_count(&probe) > ours {
            return Kept::Bound(bound);
        }
        self.warned.call_once(|| {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                target: "tower_ready_obs",
                "the SDK of OpenTelemetry does not bind instruments, which makes each request take \
                 longer: enable its feature `experimental_metrics_bound_instruments`"
            );
        });
        Kept::Free(histogram, attributes.into())
    }
}

impl Recorder for OpenTelemetry {
    fn series(&self, series: &SeriesInfo<'_>) -> Box<dyn Record> {
        let SeriesInfo { labels, bounds, .. } = *series;
        let size = |name| self.kept(name, "By", &[], labels);
        Box::new(Instruments {
            duration: self.kept(series.duration, "s", bounds, labels),
            time_to_headers: series.time_to_headers.map(|it| self.kept(it, "s", bounds, labels)),
            request_size: series.request_size.map(size),
            response_size: series.response_size.map(size),
        })
    }

    fn attach(&self, metrics: &Metrics) {
        for (kind, name) in [
            (Kind::HttpServer, "http.server.active_requests"),
            (Kind::HttpClient, "http.client.active_requests"),
        ] {
            let state = Arc::downgrade(metrics.state());
            let places = places(metrics.state(), kind);
            let places: Vec<_> =
                places.into_iter().map(|(place, labels)| (place, observed(&labels))).collect();
            let builder = self.meter.i64_observable_up_down_counter(name).with_unit("{request}");
            let instrument = builder.with_callback(move |observer| {
                let Some(state) = state.upgrade() else {
                    return;
                };
                for (place, attributes) in &places {
                    if let Some(count) = state.active.read(*place) {
                        observer.observe(i64::try_from(count).unwrap_or(i64::MAX), attributes);
                    }
                }
            });
            let _ = instrument.build();
        }
    }
}

fn observed(labels: &LabelSet) -> Vec<KeyValue> {
    let pair = |(attribute, value): (Attribute, &str)| {
        KeyValue::new(attribute.open_telemetry(), value.to_owned())
    };
    labels.iter().map(pair).collect()
}

/// The instruments of one series.
struct Instruments {
    duration: Kept,
    time_to_headers: Option<Kept>,
    request_size: Option<Kept>,
    response_size: Option<Kept>,
}

enum Kept {
    Bound(BoundHistogram<f64>),
    Free(Histogram<f64>, Box<[KeyValue]>),
}

impl Kept {
    #[inline]
    fn record(&self, value: f64) {
        match self {
            Self::Bound(histogram) => histogram.record(value),
            Self::Free(histogram, attributes) => histogram.record(value, attributes),
        }
    }
}

impl Record for Instruments {
    fn count(&self, measured: &Measured) {
        let record = |kept: Option<&Kept>, value: Option<f64>| {
            if let (Some(kept), Some(value)) = (kept, value) {
                kept.record(value);
            }
        };
        let seconds = |nanos: Option<u64>| nanos.map(|nanos| nanos as f64 / 1e9);
        record(Some(&self.duration), seconds(measured.nanos));
        record(self.time_to_headers.as_ref(), seconds(measured.nanos_to_headers));
        record(self.request_size.as_ref(), measured.request_bytes.map(|bytes| bytes as f64));
        record(self.response_size.as_ref(), measured.response_bytes.map(|bytes| bytes as f64));
    }
}

/// Statuses and ports are numbers. The first value is the one that is given.
fn key_values(labels: &LabelSet, first: &Arc<str>) -> Vec<KeyValue> {
    let pair = |(n, (attribute, value)): (usize, (Attribute, &str))| {
        let is_number = attribute == attributes::STATUS || attribute == attributes::SERVER_PORT;
        let number = value.parse().ok().filter(|_| is_number);
        let value = match number {
            Some(number) => Value::I64(number),
            None if n == 0 => Value::String(StringValue::from(first.clone())),
            None => Value::String(StringValue::from(Arc::<str>::from(value))),
        };
        KeyValue::new(attribute.open_telemetry(), value)
    };
    labels.iter().enumerate().map(pair).collect()
}
