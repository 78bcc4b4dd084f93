use prometheus::{
    core::{Collector, Desc},
    proto,
};

use crate::{
    labels::LabelSet,
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, HistogramView, Number, Sink},
};

/// All that is counted, for a registry of the prometheus crate.
///
/// The registry reads our own counters when it gathers, so a request is not counted twice. It knows
/// neither exemplars nor native histograms: [`Metrics::scrape_service`] does.
pub struct MetricsCollector {
    metrics: Metrics,
    descriptors: Vec<Desc>,
}

impl Metrics {
    /// A collector to be registered: `registry.register(Box::new(metrics.collector()))`.
    #[must_use]
    pub fn collector(&self) -> MetricsCollector {
        let families = self.families();
        let descriptor = |family: &Descriptor| {
            Desc::new(name(family), family.help.to_string(), Vec::new(), Default::default()).ok()
        };
        let descriptors =
            families.iter().filter_map(|family| descriptor(family.descriptor())).collect();
        MetricsCollector { metrics: self.clone(), descriptors }
    }
}

impl Collector for MetricsCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptors.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let mut gathered = Gathered::default();
        for family in self.metrics.families() {
            gathered.begin(family.descriptor());
            for number in 0..family.len() {
                family.visit(number, &mut gathered);
            }
            gathered.end();
        }
        gathered.families
    }
}

fn name(family: &Descriptor) -> String {
    format!("{}{}", family.name, family.sample_suffix())
}

/// Families as that crate has them.
#[derive(Default)]
struct Gathered {
    families: Vec<proto::MetricFamily>,
    family: proto::MetricFamily,
    metrics: Vec<proto::Metric>,
}

impl Sink for Gathered {
    fn begin(&mut self, family: &Descriptor) {
        self.family = proto::MetricFamily::default();
        self.family.set_name(name(family));
        self.family.set_help(family.help.to_string());
        self.family.set_field_type(match family.kind {
            FamilyKind::Counter => proto::MetricType::COUNTER,
            FamilyKind::Gauge | FamilyKind::Info => proto::MetricType::GAUGE,
            FamilyKind::Histogram => proto::MetricType::HISTOGRAM,
        });
    }

    fn number(&mut self, family: &Descriptor, labels: &LabelSet, number: Number) {
        let mut metric = metric(labels);
        if family.kind == FamilyKind::Counter {
            let mut counter = proto::Counter::default();
            counter.set_value(number.as_f64());
            metric.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(number.as_f64());
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    fn histogram(&mut self, _: &Descriptor, labels: &LabelSet, view: &HistogramView<'_>) {
        let mut histogram = proto::Histogram::default();
        histogram.set_sample_count(view.count());
        histogram.set_sample_sum(view.bounds.scale.shown(view.sum));
        let bucket = |(n, count)| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(view.bounds.bound(n));
            bucket.set_cumulative_count(count);
            bucket
        };
        histogram.set_bucket(view.cumulative().enumerate().map(bucket).collect());
        let mut metric = metric(labels);
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }

    fn end(&mut self) {
        // The registry refuses families without a metric.
        if !self.metrics.is_empty() {
            self.family.set_metric(std::mem::take(&mut self.metrics));
            self.families.push(std::mem::take(&mut self.family));
        }
    }
}

fn metric(labels: &LabelSet) -> proto::Metric {
    let pair = |(attribute, value): (crate::labels::Attribute, &str)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name(attribute.prometheus().to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    proto::Metric::from_label(labels.iter().map(pair).collect())
}

impl std::fmt::Debug for MetricsCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsCollector").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}
