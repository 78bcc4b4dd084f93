use std::{
    fmt,
    sync::{Once, atomic::AtomicBool},
    time::Duration,
};

use tower_ready_core::{Head, Instant, Route};

use super::{
    Metrics,
    active::Active,
    counters::{Counter, Counters},
    state::{Predicate, State},
};
use crate::{
    ConfigError, ConfigErrorKind,
    labels::{GrpcMethods, GrpcNames, Methods, RouteTable, Routes, RpcStatusKey, UrlScheme},
    recorder::Recorder,
    series::{
        Shape,
        bounds::{Bounds, MAX_BOUNDS},
        key::{Key, Kind},
        names::Names,
        table::Table,
    },
};

/// What becomes of the durations of streams, which say how long somebody listened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Streams {
    /// They have a family of their own, so that a percentile of the others says something.
    #[default]
    Apart,
    /// They have that family, and are counted with the others too, as OpenTelemetry has it.
    Both,
}

/// Puts [`Metrics`] together.
#[must_use = "nothing is counted until the metrics are built"]
pub struct MetricsBuilder {
    buckets: Option<Vec<Duration>>,
    native: bool,
    exemplars: bool,
    time_to_headers: bool,
    body_sizes: bool,
    streams: Streams,
    is_stream: Option<Predicate>,
    max_series: usize,
    scheme: UrlScheme,
    methods: Methods,
    rpc_status: RpcStatusKey,
    routes: Routes,
    grpc: GrpcMethods,
    recorder: Option<Box<dyn Recorder>>,
}

/// How many rejections, problems and panics are told apart.
const MAX_COUNTERS: usize = 500;

/// How many peers of clients are told apart.
const MAX_PEERS: usize = 256;

impl MetricsBuilder {
    pub(super) fn new() -> Self {
        Self {
            buckets: None,
            native: false,
            exemplars: true,
            time_to_headers: true,
            body_sizes: false,
            streams: Streams::default(),
            is_stream: None,
            max_series: 2_000,
            scheme: UrlScheme::default(),
            methods: Methods::default(),
            rpc_status: RpcStatusKey::default(),
            routes: Routes::default(),
            grpc: GrpcMethods::default(),
            recorder: None,
        }
    }

    /// The upper bounds of the buckets of durations. What you promise of your latency should be
    /// among them. Default: what OpenTelemetry advises, from 5 ms to 10 s.
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = Duration>) -> Self {
        self.buckets = Some(bounds.into_iter().collect());
        self
    }

    /// Whether durations are kept as native histograms too, in four buckets for each doubling,
    /// which Prometheus reads as protocol buffers. Default: no; it costs 1.2 kB for each series.
    pub fn native_histograms(mut self, keep: bool) -> Self {
        self.native = keep;
        self
    }

    /// Whether each bucket shows the trace of a request that fell into it, if that is sampled.
    /// Default: yes; a request without a `traceparent` costs a look for it.
    pub fn exemplars(mut self, keep: bool) -> Self {
        self.exemplars = keep;
        self
    }

    /// Whether the time to the head of an answer is kept as well. Default: yes.
    pub fn time_to_headers(mut self, keep: bool) -> Self {
        self.time_to_headers = keep;
        self
    }

    /// Whether the sizes of bodies are kept. Default: no. Of a request it is what the request says;
    /// of an answer it is what passed.
    pub fn body_sizes(mut self, keep: bool) -> Self {
        self.body_sizes = keep;
        self
    }

    /// What becomes of the durations of streams. Default: they are kept [apart](Streams::Apart).
    ///
    /// Streams are answers of `text/event-stream` and `multipart/x-mixed-replace`, methods of gRPC
    /// that were [declared](GrpcMethods::streaming) so, and what [`stream_when`](Self::stream_when)
    /// finds.
    pub fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// Which requests are answered by streams beside those that are known. Default: none.
    pub fn stream_when(
        mut self,
        is_stream: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_stream = Some(Box::new(is_stream));
        self
    }

    /// How many series there may be. Requests that find no room are counted together under
    /// `otel_metric_overflow="true"`. Default: 2000, OpenTelemetry's number. Room for one costs
    /// about 130 bytes, and one that is there one to three kilobytes: each thread, up to eight, counts
    /// in a place of its own.
    pub fn max_series(mut self, max: usize) -> Self {
        self.max_series = max;
        self
    }

    /// How requests come whose URI does not say. Default: `http`.
    pub fn scheme(mut self, scheme: UrlScheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// The methods that are told by name, in place of the default ones: those of RFC 9110, `PATCH`
    /// and `QUERY`. Any other is `_OTHER`.
    pub fn known_methods<M: Into<Box<str>>>(
        mut self,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        self.methods = Methods::new(methods);
        self
    }

    /// The methods of gRPC that are told by name. Default: none, so that each is `_OTHER`.
    pub fn grpc(mut self, methods: GrpcMethods) -> Self {
        self.grpc = methods;
        self
    }

    /// Under which name the status of a gRPC call is told. Default: `rpc.response.status_code`.
    pub fn rpc_status_key(mut self, key: RpcStatusKey) -> Self {
        self.rpc_status = key;
        self
    }

    /// The routes of a service without a router that tells, such as one on bare hyper. Default:
    /// none; those of axum are found under the feature `axum`.
    pub fn routes(mut self, routes: RouteTable) -> Self {
        self.routes.table = Some(routes);
        self
    }

    /// Names the route of a request by other means, before any other. Names have to come from a set
    /// that callers cannot grow. Default: by none.
    pub fn route_by(
        mut self,
        choose: impl Fn(&Head<'_>) -> Option<Route> + Send + Sync + 'static,
    ) -> Self {
        self.routes.choose = Some(Box::new(choose));
        self
    }

    /// Another library that keeps what is measured; a tuple of two for both. Default: none.
    pub fn recorder(mut self, recorder: impl Recorder) -> Self {
        self.recorder = Some(Box::new(recorder));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<Metrics, ConfigError> {
        let failed = |kind| Err(ConfigError::new(kind));
        let bounds = match self.buckets {
            None => Bounds::semconv(),
            Some(bounds) => {
                let is_first = bounds.first().is_some_and(|first| !first.is_zero());
                let count = bounds.len();
                let bounds = Bounds::seconds(bounds);
                // As they are shown: of centuries two may look the same.
                let grow = bounds.shown().is_sorted_by(|a, b| a < b);
                if !is_first || !grow || count > MAX_BOUNDS {
                    return failed(ConfigErrorKind::Buckets);
                }
                bounds
            }
        };
        if !matches!(self.max_series, 1..=Key::MAX_SERIES) {
            return failed(ConfigErrorKind::MaxSeries);
        }
        self.methods.check()?;
        // The first read of the clock takes its time.
        let _ = Instant::now();
        let metrics = Metrics::new(State {
            shape: Shape {
                durations: bounds,
                sizes: Bounds::sizes(),
                native: self.native,
                exemplars: self.exemplars,
                time_to_headers: self.time_to_headers,
                body_sizes: self.body_sizes,
            },
            scheme: self.scheme,
            methods: self.methods,
            rpc_status: self.rpc_status,
            streams: self.streams,
            is_stream: self.is_stream,
            routes: self.routes,
            grpc: GrpcNames::new(&self.grpc),
            recorder: self.recorder,
            names: Names::new(self.max_series),
            peers: Names::new(MAX_PEERS),
            series: Table::new(self.max_series),
            overflow: Table::new(Kind::ALL.len() * 2),
            dropped: Counter::default(),
            active: Active::new(),
            rejections: Counters::new(MAX_COUNTERS),
            problems: Counters::new(MAX_COUNTERS),
            panics: Counters::new(MAX_COUNTERS),
            has_route_layer: AtomicBool::new(false),
            warned: Once::new(),
        });
        if let Some(recorder) = &metrics.state().recorder {
            recorder.attach(&metrics);
        }
        Ok(metrics)
    }
}

impl fmt::Debug for MetricsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsBuilder")
            .field("buckets", &self.buckets)
            .field("streams", &self.streams)
            .field("max_series", &self.max_series)
            .finish_non_exhaustive()
    }
}
