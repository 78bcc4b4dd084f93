//! What all layers of one handle share.

use std::sync::{
    Arc, Once,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tower_ready_core::{LocalRejection, grpc::Code};
use tower_ready_problem::Problem;

use super::{
    active::Active,
    builder::Streams,
    counters::{Counter, Counters},
};
use crate::{
    labels::{GrpcNames, LabelSet, Labels, Methods, Routes, RpcStatusKey, UrlScheme, attributes},
    recorder::{Measured, Recorder, SeriesInfo},
    series::{
        Series, Shape,
        key::{Key, Kind},
        names::{Name, Names},
        table::Table,
    },
};

pub(crate) type Predicate = Box<dyn Fn(&tower_ready_core::Head<'_>) -> bool + Send + Sync>;

/// Settings, names and numbers.
pub(crate) struct State {
    pub(crate) shape: Shape,
    pub(crate) scheme: UrlScheme,
    pub(crate) methods: Methods,
    pub(crate) rpc_status: RpcStatusKey,
    pub(crate) streams: Streams,
    pub(crate) is_stream: Option<Predicate>,
    pub(crate) routes: Routes,
    pub(crate) grpc: GrpcNames,
    pub(crate) recorder: Option<Box<dyn Recorder>>,

    pub(crate) names: Names,
    pub(crate) peers: Names,
    pub(crate) series: Table<Box<Series>>,
    /// Takes what finds no room, one for each kind, of streams and of others.
    pub(crate) overflow: Table<Box<Series>>,
    pub(crate) dropped: Counter,
    pub(crate) active: Active,
    pub(crate) rejections: Counters,
    pub(crate) problems: Counters,
    pub(crate) panics: Counters,
    /// Whether somebody inside fills the slot of a route.
    pub(crate) has_route_layer: AtomicBool,
    pub(crate) warned: Once,
}

/// A thread's own handle of the state. Requests that begin on different threads count their
/// handles in different places.
#[repr(align(128))]
pub(crate) struct Lane {
    pub(crate) state: Arc<State>,
    pub(crate) number: usize,
}

impl State {
    pub(crate) fn leaves_slot(&self) -> bool {
        self.has_route_layer.load(Relaxed)
    }

    /// Counts a request that is over, and says whether there was room for its series.
    #[inline]
    pub(crate) fn count(&self, lane: usize, key: &Key, measured: &Measured) -> bool {
        let series = self.series.get_or_insert(key.pack(), || self.make(*key));
        match series {
            Some(series) => series.count(lane, &self.shape, measured),
            None => self.count_overflow(lane, key, measured),
        }
        series.is_some()
    }

    #[cold]
    fn count_overflow(&self, lane: usize, key: &Key, measured: &Measured) {
        self.warned.call_once(|| {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                target: "tower_ready_obs",
                "there is no room for another series: use a higher `max_series`, or fewer routes"
            );
        });
        let number = (key.kind as u64 + 1) << 1 | u64::from(key.is_stream);
        let series = self.overflow.get_or_insert(number, || {
            let labels = Labels::default().and(attributes::OVERFLOW, "true").into_set();
            self.assemble(key.kind, key.is_stream, labels)
        });
        if let Some(series) = series {
            series.count(lane, &self.shape, measured);
        }
    }

    #[cold]
    pub(crate) fn make(&self, key: Key) -> Box<Series> {
        self.assemble(key.kind, key.is_stream, self.labels(&key))
    }

    fn assemble(&self, kind: Kind, is_stream: bool, labels: LabelSet) -> Box<Series> {
        let bounds: Vec<f64> = self.shape.durations.shown().collect();
        let Shape { time_to_headers, body_sizes, .. } = self.shape;
        let [request, response] = kind.sizes();
        let info = SeriesInfo {
            duration: kind.duration(is_stream),
            time_to_headers: (time_to_headers && !is_stream).then(|| kind.time_to_headers()),
            request_size: (body_sizes && !is_stream).then_some(request),
            response_size: (body_sizes && !is_stream).then_some(response),
            labels: &labels,
            bounds: &bounds,
        };
        let records = self.recorder.iter().map(|recorder| recorder.series(&info)).collect();
        Box::new(Series::new(kind, is_stream, labels, &self.shape, records))
    }

    fn labels(&self, key: &Key) -> LabelSet {
        let error = key.error.text(key.status, key.code);
        let labels = Labels::default();
        let labels = if key.kind.is_rpc() {
            let status = key.code.map(Code::name);
            labels
                .and(attributes::RPC_SYSTEM, "grpc")
                .and_some(attributes::RPC_METHOD, self.grpc.text(key.name))
                .and_some(self.rpc_status.attribute(), status)
                .and_some(attributes::ERROR_TYPE, error)
        } else {
            labels
                .and(attributes::METHOD, self.methods.text(key.method))
                .and(attributes::SCHEME, key.scheme.as_str())
                .and_some(attributes::ROUTE, self.names.text(key.name))
                .and_some(attributes::STATUS, key.status.as_ref().map(|it| it.as_str()))
                .and_some(attributes::ERROR_TYPE, error)
                .and_some(attributes::VERSION, key.version.as_str())
        };
        self.with_peer(labels, key.peer).into_set()
    }

    fn with_peer(&self, labels: Labels, peer: Name) -> Labels {
        let Some(peer) = self.peers.text(peer) else {
            return labels;
        };
        // An address of version 6 stands in brackets, whose colons are not the last one.
        match peer.rsplit_once(':') {
            Some((host, port)) => {
                labels.and(attributes::SERVER_ADDRESS, host).and(attributes::SERVER_PORT, port)
            }
            None => labels.and(attributes::SERVER_ADDRESS, peer),
        }
    }

    /// The label that says where something happened: the route, or the method of gRPC.
    fn place(&self, kind: Kind, name: Name) -> Labels {
        let labels = Labels::default();
        if kind.is_rpc() {
            labels.and_some(attributes::RPC_METHOD, self.grpc.text(name))
        } else {
            labels.and_some(attributes::ROUTE, self.names.text(name))
        }
    }

    #[cold]
    pub(crate) fn rejected(&self, kind: Kind, name: Name, rejection: LocalRejection) {
        let labels = Labels::default()
            .and(attributes::LAYER, rejection.by())
            .and(attributes::REJECTION, rejection.kind());
        self.rejections.add(labels.merge(self.place(kind, name)));
    }

    #[cold]
    pub(crate) fn problem(&self, kind: Kind, name: Name, problem: &Problem) {
        let problem_type = problem.problem_type().map_or("about:blank", |it| it.name());
        let labels = Labels::default().and(attributes::PROBLEM, problem_type);
        self.problems.add(labels.merge(self.place(kind, name)));
    }

    #[cold]
    pub(crate) fn panicked(&self, kind: Kind, name: Name) {
        self.panics.add(self.place(kind, name));
    }
}
