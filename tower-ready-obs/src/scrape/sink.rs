use super::{Descriptor, Number};
use crate::{
    labels::LabelSet,
    series::{bounds::Bounds, exemplar::Slot, native::Sparse},
};

/// Writes series in some format.
pub(crate) trait Sink {
    /// A family begins.
    fn begin(&mut self, family: &Descriptor);

    /// A counter, a gauge or an info.
    fn number(&mut self, family: &Descriptor, labels: &LabelSet, number: Number);

    /// A histogram.
    fn histogram(&mut self, family: &Descriptor, labels: &LabelSet, histogram: &HistogramView<'_>);

    /// The family is over.
    fn end(&mut self) {}

    /// All families are over.
    fn finish(&mut self) {}

    /// Whether it shows native histograms.
    fn wants_native(&self) -> bool {
        false
    }

    /// Takes what is ready to go out.
    fn take(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// How much that is.
    fn ready(&self) -> usize {
        0
    }
}

/// A histogram as it was at one moment.
pub(crate) struct HistogramView<'a> {
    pub(crate) bounds: &'a Bounds,
    /// How many in each bucket.
    pub(crate) counts: &'a [u64],
    /// In the units of the bounds.
    pub(crate) sum: u64,
    /// One for each bucket, or none.
    pub(crate) exemplars: &'a [Slot],
    pub(crate) native: Option<&'a Sparse>,
}

impl HistogramView<'_> {
    /// How many values do not exceed the bound of each bucket.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = u64> {
        // What came after the native histogram was read belongs to the next scrape.
        let all = self.native.map_or(u64::MAX, Sparse::count);
        self.counts.iter().scan(0, move |sum, count| {
            *sum += count;
            Some(all.min(*sum))
        })
    }

    /// How many values there are. Prometheus refuses a scrape with a native histogram whose buckets
    /// do not make up this number, and others go on counting while it is read.
    pub(crate) fn count(&self) -> u64 {
        self.native.map_or_else(|| self.counts.iter().sum(), Sparse::count)
    }
}
