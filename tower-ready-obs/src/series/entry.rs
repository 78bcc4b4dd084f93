use super::{
    bounds::Bounds, exemplar::Slot, histogram::Histogram, key::Kind, lanes, native::Native,
};
use crate::{
    labels::LabelSet,
    recorder::{Measured, Record},
};

/// All numbers under one set of labels, found once for a request.
pub(crate) struct Series {
    pub(crate) kind: Kind,
    pub(crate) is_stream: bool,
    pub(crate) labels: LabelSet,
    pub(crate) duration: Histogram,
    pub(crate) native: Option<Box<Native>>,
    /// One for each bucket of the duration.
    pub(crate) exemplars: Box<[Slot]>,
    pub(crate) time_to_headers: Option<Histogram>,
    pub(crate) sizes: Option<Sizes>,
    /// What others keep of it.
    pub(crate) records: Box<[Box<dyn Record>]>,
}

pub(crate) struct Sizes {
    pub(crate) request: Histogram,
    pub(crate) response: Histogram,
}

/// What a series consists of.
pub(crate) struct Shape {
    pub(crate) durations: Bounds,
    pub(crate) sizes: Bounds,
    pub(crate) native: bool,
    pub(crate) exemplars: bool,
    pub(crate) time_to_headers: bool,
    pub(crate) body_sizes: bool,
}

impl Series {
    pub(crate) fn new(
        kind: Kind,
        is_stream: bool,
        labels: LabelSet,
        shape: &Shape,
        records: Box<[Box<dyn Record>]>,
    ) -> Self {
        let lanes = lanes::count();
        let durations = || Histogram::new(&shape.durations, lanes);
        let sizes = || Histogram::new(&shape.sizes, lanes);
        let exemplars = if shape.exemplars { shape.durations.buckets() } else { 0 };
        Self {
            kind,
            is_stream,
            labels,
            duration: durations(),
            native: shape.native.then(|| Box::new(Native::new())),
            exemplars: (0..exemplars).map(|_| Slot::new()).collect(),
            // What streams have in common with others is counted with the others.
            time_to_headers: (shape.time_to_headers && !is_stream).then(durations),
            sizes: (shape.body_sizes && !is_stream)
                .then(|| Sizes { request: sizes(), response: sizes() }),
            records,
        }
    }

    /// Counts a request that is over.
    #[inline]
    pub(crate) fn count(&self, lane: usize, shape: &Shape, measured: &Measured) {
        if let Some(nanos) = measured.nanos {
            let bucket = shape.durations.bucket(nanos);
            self.duration.record(lane, bucket, nanos);
            if let Some(native) = &self.native {
                native.record(nanos);
            }
            if let (Some(slot), Some(exemplar)) = (self.exemplars.get(bucket), measured.exemplar())
            {
                slot.write(&exemplar);
            }
        }
        if let (Some(histogram), Some(nanos)) = (&self.time_to_headers, measured.nanos_to_headers) {
            histogram.record(lane, shape.durations.bucket(nanos), nanos);
        }
        if let Some(Sizes { request, response }) = &self.sizes {
            for (histogram, bytes) in
                [(request, measured.request_bytes), (response, measured.response_bytes)]
            {
                if let Some(bytes) = bytes {
                    histogram.record(lane, shape.sizes.bucket(bytes), bytes);
                }
            }
        }
        for record in &self.records {
            record.count(measured);
        }
    }
}
