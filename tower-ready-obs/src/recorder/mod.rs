//! Other places that keep what is measured.

#[cfg(feature = "opentelemetry")]
mod open_telemetry;
#[cfg(feature = "prometheus")]
mod prometheus;

use std::time::Duration;

#[cfg(feature = "opentelemetry")]
pub use self::open_telemetry::OpenTelemetry;
#[cfg(feature = "prometheus")]
pub use self::prometheus::MetricsCollector;
use crate::{
    labels::LabelSet,
    metrics::Metrics,
    series::exemplar::{Exemplar, Trace},
};

/// A library of metrics that hears of each request beside our own counters.
///
/// It is asked once for each series, so that nothing has to be looked up by labels when a request
/// is over. `()` is nobody, and a tuple of two is both.
pub trait Recorder: Send + Sync + 'static {
    /// What keeps the numbers of this series.
    fn series(&self, series: &SeriesInfo<'_>) -> Box<dyn Record>;

    /// The metrics are built: a place to arrange for what is to be pulled from them.
    fn attach(&self, metrics: &Metrics) {
        let _ = metrics;
    }
}

/// Keeps the numbers of one series.
pub trait Record: Send + Sync {
    /// A request is over. It is called on the path of the request, so it should be quick.
    fn count(&self, measured: &Measured);
}

/// Which series is to be kept.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SeriesInfo<'a> {
    /// The name of its duration: `http.server.request.duration`.
    pub duration: &'a str,
    /// The name of the time to headers, where it has that.
    pub time_to_headers: Option<&'a str>,
    /// The name of the size of requests, where it has that.
    pub request_size: Option<&'a str>,
    /// The name of the size of answers, where it has that.
    pub response_size: Option<&'a str>,
    /// Its labels.
    pub labels: &'a LabelSet,
    /// The upper bounds of the buckets of durations, in seconds.
    pub bounds: &'a [f64],
}

/// What is known of a request that is over.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Measured {
    pub(crate) nanos: Option<u64>,
    pub(crate) nanos_to_headers: Option<u64>,
    pub(crate) request_bytes: Option<u64>,
    pub(crate) response_bytes: Option<u64>,
    pub(crate) trace: Option<Trace>,
    pub(crate) at: u64,
}

impl Measured {
    /// How long it took, to the end of its body. None where the durations of streams are kept
    /// apart, in a series of their own, which has nothing else.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.nanos.map(Duration::from_nanos)
    }

    /// How long it took to the head of the answer, if there was one.
    #[must_use]
    pub fn time_to_headers(&self) -> Option<Duration> {
        self.nanos_to_headers.map(Duration::from_nanos)
    }

    /// How long the body of the request was, if it said so.
    #[must_use]
    pub const fn request_bytes(&self) -> Option<u64> {
        self.request_bytes
    }

    /// How much of the answer's body has passed.
    #[must_use]
    pub const fn response_bytes(&self) -> Option<u64> {
        self.response_bytes
    }

    pub(crate) fn exemplar(&self) -> Option<Exemplar> {
        Some(Exemplar { trace: self.trace?, value: self.nanos?, at: self.at })
    }
}

/// Keeps nothing.
struct Nothing;

impl Record for Nothing {
    fn count(&self, _: &Measured) {}
}

/// Keeps two.
struct Both(Box<dyn Record>, Box<dyn Record>);

impl Record for Both {
    fn count(&self, measured: &Measured) {
        self.0.count(measured);
        self.1.count(measured);
    }
}

impl Recorder for () {
    fn series(&self, _: &SeriesInfo<'_>) -> Box<dyn Record> {
        Box::new(Nothing)
    }
}

impl<A: Recorder, B: Recorder> Recorder for (A, B) {
    fn series(&self, series: &SeriesInfo<'_>) -> Box<dyn Record> {
        Box::new(Both(self.0.series(series), self.1.series(series)))
    }

    fn attach(&self, metrics: &Metrics) {
        self.0.attach(metrics);
        self.1.attach(metrics);
    }
}
