use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry::{
    KeyValue, StringValue, Value,
    metrics::{BoundHistogram, Histogram, Meter},
};

use super::{Measured, Record, Recorder, SeriesInfo};
use crate::{
    labels::{LabelSet, attributes},
    metrics::{Metrics, places},
    series::key::Kind,
};

/// Records what is measured in instruments of OpenTelemetry, under the names and with the
/// attributes and buckets of its semantic conventions.
///
/// Instruments are bound to the attributes of a series once, which saves the look-up by attributes
/// at each request. That is an experiment of the API, and an SDK without the feature
/// `experimental_metrics_bound_instruments` drops what is recorded so, silently. Therefore it is
/// tried out at the start, and where it does not work attributes are looked up after all: nothing
/// is lost, and [`is_bound`](Self::is_bound) tells.
///
/// Gauges and counters of ours are observed when the SDK collects.
#[derive(Debug)]
pub struct OpenTelemetry {
    meter: Meter,
    is_bound: bool,
    /// One for each name.
    instruments: Mutex<HashMap<String, Histogram<f64>>>,
}

impl OpenTelemetry {
    /// Instruments of this meter.
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        let is_bound = binds(&meter);
        Self { meter, is_bound, instruments: Mutex::default() }
    }

    /// Whether the SDK binds instruments.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.is_bound
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
        let attributes = key_values(labels);
        if self.is_bound {
            Kept::Bound(histogram.bind(&attributes))
        } else {
            Kept::Free(histogram, attributes.into())
        }
    }
}

/// Whether what is bound is kept.
///
/// An SDK that binds has to remember the attributes, so it shares this one of ours for as long as
/// the instrument is bound. One that does not forgets it at once. Nothing is recorded, and the SDK
/// gives up what nobody recorded when it is dropped.
fn binds(meter: &Meter) -> bool {
    let probe: Arc<str> = "probe".into();
    let value = Value::String(StringValue::from(probe.clone()));
    let histogram = meter.f64_histogram("tower_ready.probe").build();
    let bound = histogram.bind(&[KeyValue::new("tower_ready.probe", value)]);
    let is_kept = Arc::strong_count(&probe) > 1;
    drop(bound);
    is_kept
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
                places.into_iter().map(|(place, labels)| (place, key_values(&labels))).collect();
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

fn key_values(labels: &LabelSet) -> Vec<KeyValue> {
    let pair = |(attribute, value): (crate::labels::Attribute, &str)| {
        let number = (attribute == attributes::STATUS || attribute == attributes::SERVER_PORT)
            .then(|| value.parse().ok())
            .flatten();
        let value = match number {
            Some(number) => Value::I64(number),
            None if attribute == attributes::OVERFLOW => Value::Bool(true),
            None => Value::String(StringValue::from(Arc::<str>::from(value))),
        };
        KeyValue::new(attribute.open_telemetry(), value)
    };
    labels.iter().map(pair).collect()
}
