//! Our families, as the exposition visits them.

use std::{cell::RefCell, sync::Arc};

use super::{
    active::{Active, Place},
    counters::Counters,
    state::State,
};
use crate::{
    labels::{LabelSet, Labels, attributes},
    scrape::{Descriptor, Family, FamilyKind, HistogramView, Number, Sink},
    series::{Series, histogram::Histogram, key::Kind},
};

/// Every family that the layers fill.
pub(super) fn all(state: &Arc<State>) -> Vec<Arc<dyn Family>> {
    let mut families: Vec<Arc<dyn Family>> = Vec::new();
    for kind in Kind::ALL {
        let mut add = |part, is_stream, name: &str, help| {
            let descriptor = Descriptor::new(name.to_owned(), FamilyKind::Histogram, help);
            let state = state.clone();
            families.push(Arc::new(Histograms { state, descriptor, kind, is_stream, part }));
        };
        let shown = |name: &str, unit: &str| format!("{}_{unit}", name.replace('.', "_"));
        let request = "How long requests took, to the ends of their bodies.";
        add(Part::Duration, false, &shown(kind.duration(false), "seconds"), request);
        let stream = "How long requests took whose answers are streams.";
        add(Part::Duration, true, &shown(kind.duration(true), "seconds"), stream);
        let headers = "How long requests took to the heads of their answers.";
        add(Part::TimeToHeaders, false, &shown(kind.time_to_headers(), "seconds"), headers);
        let [request, response] = kind.sizes().map(|name| shown(name, "bytes"));
        add(Part::RequestSize, false, &request, "How long the bodies of requests were.");
        add(Part::ResponseSize, false, &response, "How much of the bodies of answers has passed.");
    }
    for kind in [Kind::HttpServer, Kind::HttpClient] {
        families.push(Arc::new(ActiveRequests::new(state, kind)));
    }
    type Get = fn(&State) -> &Counters;
    let counters: [(_, _, Get); 3] = [
        ("tower_ready_rejections", "Requests that one of our layers turned away.", |state| {
            &state.rejections
        }),
        ("tower_ready_problems", "Answers that are problems.", |state| &state.problems),
        ("tower_ready_panics", "Requests whose service or body panicked.", |state| &state.panics),
    ];
    for (name, help, get) in counters {
        let descriptor = Descriptor::new(name, FamilyKind::Counter, help);
        families.push(Arc::new(Counted { state: state.clone(), descriptor, get }));
    }
    families.push(Arc::new(Dropped {
        state: state.clone(),
        labels: LabelSet::none(),
        descriptor: Descriptor::new(
            "tower_ready_series_dropped",
            FamilyKind::Counter,
            "Requests that were counted without their labels, for lack of room.",
        ),
    }));
    families
}

/// The numbers of the series that take what finds no room.
const OVERFLOW: usize = Kind::ALL.len() * 2;

#[derive(Clone, Copy)]
enum Part {
    Duration,
    TimeToHeaders,
    RequestSize,
    ResponseSize,
}

/// One of the histograms of each series of a kind.
struct Histograms {
    state: Arc<State>,
    descriptor: Descriptor,
    kind: Kind,
    is_stream: bool,
    part: Part,
}

impl Histograms {
    fn of<'a>(&self, series: &'a Series) -> Option<&'a Histogram> {
        match self.part {
            Part::Duration => Some(&series.duration),
            Part::TimeToHeaders => series.time_to_headers.as_ref(),
            Part::RequestSize => series.sizes.as_ref().map(|sizes| &sizes.request),
            Part::ResponseSize => series.sizes.as_ref().map(|sizes| &sizes.response),
        }
    }
}

impl Family for Histograms {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn len(&self) -> usize {
        OVERFLOW + self.state.series.len()
    }

    fn visit(&self, number: usize, sink: &mut dyn Sink) {
        thread_local! {
            static COUNTS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
        }
        let State { series, overflow, shape, .. } = &*self.state;
        // The overflow comes first, since there may be more of the others at the next number.
        let at = match number.checked_sub(OVERFLOW) {
            None => overflow.at(number),
            Some(number) => series.at(number),
        };
        let fits = |it: &&Series| it.kind == self.kind && it.is_stream == self.is_stream;
        let Some(series) = at.map(|series| &**series).filter(fits) else {
            return;
        };
        let Some(histogram) = self.of(series) else {
            return;
        };
        let is_duration = matches!(self.part, Part::Duration);
        let bounds = match self.part {
            Part::Duration | Part::TimeToHeaders => &shape.durations,
            Part::RequestSize | Part::ResponseSize => &shape.sizes,
        };
        // Before the buckets, in which a value is counted first.
        let native = series.native.as_ref().filter(|_| is_duration && sink.wants_native());
        let native = native.map(|native| native.read());
        COUNTS.with_borrow_mut(|counts| {
            let sum = histogram.read(counts);
            let exemplars = if is_duration { &*series.exemplars } else { &[] };
            let view = HistogramView { bounds, counts, sum, exemplars, native: native.as_ref() };
            sink.histogram(&self.descriptor, &series.labels, &view);
        });
    }
}

/// How many requests are being served.
struct ActiveRequests {
    state: Arc<State>,
    descriptor: Descriptor,
    places: Vec<(Place, LabelSet)>,
}

impl ActiveRequests {
    fn new(state: &Arc<State>, kind: Kind) -> Self {
        let name = match kind.is_client() {
            false => "http_server_active_requests",
            true => "http_client_active_requests",
        };
        let help = "Requests whose answers are not over yet.";
        Self {
            state: state.clone(),
            descriptor: Descriptor::new(name, FamilyKind::Gauge, help),
            places: places(state, kind),
        }
    }
}

/// Every place where requests of a kind are counted, with its labels.
pub(crate) fn places(state: &State, kind: Kind) -> Vec<(Place, LabelSet)> {
    let mut places = Vec::new();
    for scheme in crate::labels::UrlScheme::ALL {
        for method in state.methods.names() {
            let labels = Labels::default()
                .and(attributes::METHOD, state.methods.text(method))
                .and(attributes::SCHEME, scheme.as_str());
            places.push((Place::of(kind, scheme, method), labels.into_set()));
        }
    }
    places
}

impl Family for ActiveRequests {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn visit(&self, number: usize, sink: &mut dyn Sink) {
        let active: &Active = &self.state.active;
        if let Some((place, labels)) = self.places.get(number)
            && let Some(count) = active.read(*place)
        {
            sink.number(&self.descriptor, labels, Number::Count(count));
        }
    }
}

/// Counters by label.
struct Counted {
    state: Arc<State>,
    descriptor: Descriptor,
    get: fn(&State) -> &Counters,
}

impl Family for Counted {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn len(&self) -> usize {
        (self.get)(&self.state).len()
    }

    fn visit(&self, number: usize, sink: &mut dyn Sink) {
        if let Some((labels, count)) = (self.get)(&self.state).at(number) {
            sink.number(&self.descriptor, labels, Number::Count(count));
        }
    }
}

/// How many requests found no room for a series.
struct Dropped {
    state: Arc<State>,
    descriptor: Descriptor,
    labels: LabelSet,
}

impl Family for Dropped {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn len(&self) -> usize {
        1
    }

    fn visit(&self, _: usize, sink: &mut dyn Sink) {
        let count = self.state.dropped.get();
        sink.number(&self.descriptor, &self.labels, Number::Count(count));
    }
}
