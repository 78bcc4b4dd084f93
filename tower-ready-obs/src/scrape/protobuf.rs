//! Protocol buffers: `io.prometheus.client.MetricFamily`, delimited, with native histograms.

use super::{Descriptor, FamilyKind, HistogramView, Number, Sink};
use crate::{
    labels::LabelSet,
    scrape::pages::WallClock,
    series::{
        bounds::Scale,
        exemplar::Exemplar,
        native::{SCHEMA, Sparse, ZERO_THRESHOLD},
    },
};

/// Writes messages. The numbers of the fields are those of `client_model/metrics.proto`.
pub(super) struct Protobuf {
    out: Vec<u8>,
    /// The family that is being written, without its length, which comes first.
    family: Message,
    is_begun: bool,
    clock: WallClock,
}

impl Protobuf {
    pub(super) fn new(clock: WallClock) -> Self {
        Self { out: Vec::new(), family: Message::default(), is_begun: false, clock }
    }

    fn begin_once(&mut self, family: &Descriptor) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let name = format!("{}{}", family.name, family.sample_suffix());
        let kind = match family.kind {
            FamilyKind::Counter => 0,
            FamilyKind::Gauge | FamilyKind::Info => 1,
            FamilyKind::Histogram => 4,
        };
        self.family.text(1, &name).text(2, &family.help).varint(3, kind);
        if let Some(unit) = family.unit {
            self.family.text(5, unit);
        }
    }

    fn metric(&mut self, labels: &LabelSet, field: u32, value: &Message) {
        let mut metric = Message::default();
        for (attribute, text) in labels.iter() {
            metric.message(1, &pair(attribute.prometheus(), text));
        }
        metric.message(field, value);
        self.family.message(4, &metric);
    }

    fn exemplar(&self, scale: Scale, exemplar: &Exemplar) -> Message {
        let mut message = Message::default();
        let mut id = [0; 32];
        message.message(1, &pair("trace_id", exemplar.trace.trace_id.encode(&mut id)));
        message.message(1, &pair("span_id", &format!("{:016x}", exemplar.trace.span_id)));
        message.double(2, scale.shown(exemplar.value));
        let since = self.clock.unix(exemplar.at);
        let mut timestamp = Message::default();
        timestamp.varint(1, since.as_secs()).varint(2, since.subsec_nanos().into());
        message.message(3, &timestamp);
        message
    }
}

impl Sink for Protobuf {
    fn begin(&mut self, _: &Descriptor) {
        self.is_begun = false;
        self.family.0.clear();
    }

    fn number(&mut self, family: &Descriptor, labels: &LabelSet, number: Number) {
        self.begin_once(family);
        let mut value = Message::default();
        value.double(1, number.as_f64());
        let field = if family.kind == FamilyKind::Counter { 3 } else { 2 };
        self.metric(labels, field, &value);
    }

    fn histogram(&mut self, family: &Descriptor, labels: &LabelSet, histogram: &HistogramView<'_>) {
        self.begin_once(family);
        let HistogramView { bounds, sum, .. } = histogram;
        let mut message = Message::default();
        message.varint(1, histogram.count()).double(2, bounds.scale.shown(*sum));
        let exemplar = |bucket: usize| {
            let exemplar = histogram.exemplars.get(bucket)?.read()?;
            Some(self.exemplar(bounds.scale, &exemplar))
        };
        for (n, count) in histogram.cumulative().enumerate() {
            let mut bucket = Message::default();
            bucket.varint(1, count).double(2, bounds.bound(n));
            if let Some(exemplar) = exemplar(n) {
                bucket.message(3, &exemplar);
            }
            message.message(3, &bucket);
        }
        if let Some(native) = histogram.native {
            write_native(native, &mut message);
            // A native histogram has exemplars of its own, which is where Prometheus looks then.
            for exemplar in (0..histogram.exemplars.len()).filter_map(exemplar) {
                message.message(16, &exemplar);
            }
        }
        self.metric(labels, 7, &message);
    }

    fn end(&mut self) {
        if self.is_begun {
            varint(self.family.0.len() as u64, &mut self.out);
            self.out.extend_from_slice(&self.family.0);
        }
    }

    fn wants_native(&self) -> bool {
        true
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn ready(&self) -> usize {
        self.out.len()
    }
}

fn pair(name: &str, value: &str) -> Message {
    let mut pair = Message::default();
    pair.text(1, name).text(2, value);
    pair
}

fn write_native(native: &Sparse, message: &mut Message) {
    message.varint(5, zigzag(SCHEMA.into())).double(6, ZERO_THRESHOLD).varint(7, native.zero);
    for (offset, length) in &native.spans {
        let mut span = Message::default();
        span.varint(1, zigzag((*offset).into())).varint(2, (*length).into());
        message.message(12, &span);
    }
    let mut deltas = Vec::new();
    for delta in &native.deltas {
        varint(zigzag(*delta), &mut deltas);
    }
    if !deltas.is_empty() {
        message.bytes(13, &deltas); // packed
    }
}

/// A message, field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, field: u32, value: u64) -> &mut Self {
        varint(u64::from(field) << 3, &mut self.0);
        varint(value, &mut self.0);
        self
    }

    fn double(&mut self, field: u32, value: f64) -> &mut Self {
        varint(u64::from(field) << 3 | 1, &mut self.0);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        varint(u64::from(field) << 3 | 2, &mut self.0);
        varint(value.len() as u64, &mut self.0);
        self.0.extend_from_slice(value);
        self
    }

    fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(&mut self, field: u32, value: &Self) -> &mut Self {
        self.bytes(field, &value.0)
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}
