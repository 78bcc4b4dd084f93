//! Text: the format 0.0.4 of Prometheus, and OpenMetrics 1.0.

use std::io::Write;

use super::{
    Descriptor, FamilyKind, HistogramView, Number, Sink,
    number::{digits, real, seconds},
};
use crate::{
    labels::LabelSet,
    scrape::pages::WallClock,
    series::{bounds::Scale, exemplar::Exemplar},
};

/// Writes text.
pub(super) struct Text {
    out: Vec<u8>,
    /// Present for OpenMetrics, whose exemplars have timestamps.
    open_metrics: Option<WallClock>,
    /// A family without series is not mentioned.
    is_begun: bool,
}

impl Text {
    pub(super) fn new(open_metrics: Option<WallClock>) -> Self {
        Self { out: Vec::new(), open_metrics, is_begun: false }
    }

    fn begin_once(&mut self, family: &Descriptor) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let is_open = self.open_metrics.is_some();
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Histogram => "histogram",
            FamilyKind::Info if is_open => "info",
            FamilyKind::Gauge | FamilyKind::Info => "gauge",
        };
        // OpenMetrics names the family, text 0.0.4 the samples.
        let suffix = if is_open { "" } else { family.sample_suffix() };
        self.put(&["# HELP ", &family.name, suffix, " "]);
        for char in family.help.chars() {
            match char {
                '\\' => self.put(&["\\\\"]),
                '\n' => self.put(&["\\n"]),
                '"' if is_open => self.put(&["\\\""]),
                char => self.put(&[char.encode_utf8(&mut [0; 4])]),
            }
        }
        self.put(&["\n# TYPE ", &family.name, suffix, " ", kind, "\n"]);
        if let (true, Some(unit)) = (is_open, family.unit) {
            self.put(&["# UNIT ", &family.name, " ", unit, "\n"]);
        }
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    /// A sample up to its value.
    fn sample(&mut self, family: &Descriptor, suffix: &str, labels: &LabelSet) {
        match labels.text() {
            "" => self.put(&[&family.name, suffix, " "]),
            labels => self.put(&[&family.name, suffix, "{", labels, "} "]),
        }
    }

    fn value(&mut self, scale: Scale, units: u64) {
        match scale {
            Scale::Seconds => seconds(units, &mut self.out),
            Scale::Bytes => digits(units, &mut self.out),
        }
    }

    /// OpenMetrics §"Exemplars": labels, the value and when it was.
    fn exemplar(&mut self, clock: WallClock, scale: Scale, exemplar: &Exemplar) {
        let mut id = [0; 32];
        let trace_id = exemplar.trace.trace_id.encode(&mut id);
        self.put(&[" # {trace_id=\"", trace_id, "\",span_id=\""]);
        let _ = write!(self.out, "{:016x}", exemplar.trace.span_id);
        self.put(&["\"} "]);
        self.value(scale, exemplar.value);
        self.put(&[" "]);
        let since = clock.unix(exemplar.at);
        let _ = write!(self.out, "{}.{:03}", since.as_secs(), since.subsec_millis());
    }
}

impl Sink for Text {
    fn begin(&mut self, _: &Descriptor) {
        self.is_begun = false;
    }

    fn number(&mut self, family: &Descriptor, labels: &LabelSet, number: Number) {
        self.begin_once(family);
        self.sample(family, family.sample_suffix(), labels);
        match number {
            Number::Count(number) => digits(number, &mut self.out),
            Number::Real(number) => real(number, &mut self.out),
        }
        self.out.push(b'\n');
    }

    fn histogram(&mut self, family: &Descriptor, labels: &LabelSet, histogram: &HistogramView<'_>) {
        self.begin_once(family);
        let HistogramView { bounds, exemplars, .. } = histogram;
        let is_open = self.open_metrics.is_some();
        let comma = if labels.text().is_empty() { "" } else { "," };
        for (bucket, count) in histogram.cumulative().enumerate() {
            let le = bounds.text(bucket, is_open);
            self.put(&[&family.name, "_bucket{", labels.text(), comma, "le=\"", le, "\"} "]);
            digits(count, &mut self.out);
            if let Some(clock) = self.open_metrics
                && let Some(exemplar) = exemplars.get(bucket).and_then(|slot| slot.read())
            {
                self.exemplar(clock, bounds.scale, &exemplar);
            }
            self.out.push(b'\n');
        }
        self.sample(family, "_sum", labels);
        self.value(bounds.scale, histogram.sum);
        self.out.push(b'\n');
        self.sample(family, "_count", labels);
        digits(histogram.count(), &mut self.out);
        self.out.push(b'\n');
    }

    fn finish(&mut self) {
        if self.open_metrics.is_some() {
            self.put(&["# EOF\n"]);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn ready(&self) -> usize {
        self.out.len()
    }
}
