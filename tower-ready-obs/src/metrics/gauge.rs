//! Numbers of others, which are asked for when somebody scrapes.

use std::sync::{Mutex, PoisonError};

use crate::{
    labels::LabelSet,
    scrape::{Descriptor, Family, Number, Sink},
};

type Read = Box<dyn Fn() -> Number + Send + Sync>;

/// Numbers of one name that closures know.
pub(crate) struct Pulled {
    descriptor: Descriptor,
    samples: Mutex<Vec<(LabelSet, Read)>>,
}

impl Pulled {
    pub(super) fn new(descriptor: Descriptor) -> Self {
        Self { descriptor, samples: Mutex::default() }
    }

    /// Adds a number, or puts it in the place of one with the same labels.
    pub(super) fn add(&self, labels: LabelSet, read: Read) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.retain(|(other, _)| other.text() != labels.text());
        samples.push((labels, read));
    }
}

impl Family for Pulled {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn len(&self) -> usize {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn visit(&self, number: usize, sink: &mut dyn Sink) {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((labels, read)) = samples.get(number) {
            sink.number(&self.descriptor, labels, read());
        }
    }
}

/// Whether Prometheus reads a name, and it is not one of those that end as samples do.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    let ends = ["_total", "_info", "_bucket", "_sum", "_count", "_created"];
    bytes.next().is_some_and(is_first)
        && bytes.all(|byte| is_first(byte) || byte.is_ascii_digit())
        && !ends.iter().any(|end| name.ends_with(end))
}
