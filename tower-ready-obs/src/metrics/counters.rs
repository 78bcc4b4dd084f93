//! What is counted beside the requests, and seldom.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tower_ready_core::Route;

use crate::{
    labels::{LabelSet, Labels},
    series::{
        names::{Name, Names},
        table::Table,
    },
};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Counters of one family, told apart by labels that come from code and never from callers.
pub(crate) struct Counters {
    /// The labels that tell them apart, as one text.
    names: Names,
    counters: Table<(LabelSet, Counter)>,
}

impl Counters {
    /// Room for this many; others are counted together, without labels.
    pub(crate) fn new(max: usize) -> Self {
        Self { names: Names::new(max), counters: Table::new(max + 1) }
    }

    pub(crate) fn add(&self, labels: Labels) {
        let labels = labels.into_set();
        let name = self.names.get_or_insert(labels.text(), || Route::from(labels.text()));
        // What has no labels and what finds no room for them are one series.
        let key = u64::from(name.number().max(Name::OTHER.number()));
        let counter = self.counters.get_or_insert(key, || {
            let labels = if self.names.text(name) == Some(labels.text()) {
                labels
            } else {
                LabelSet::none()
            };
            (labels, Counter::default())
        });
        if let Some((_, counter)) = counter {
            counter.add(1);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.counters.len()
    }

    pub(crate) fn at(&self, number: usize) -> Option<(&LabelSet, u64)> {
        self.counters.at(number).map(|(labels, counter)| (labels, counter.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::attributes;

    #[test]
    fn what_finds_no_room_is_counted_together() {
        let counters = Counters::new(2);
        for layer in ["a", "b", "a", "c", "d", "a"] {
            counters.add(Labels::default().and(attributes::LAYER, layer));
        }
        counters.add(Labels::default());
        counters.add(Labels::default());
        let found = (0..counters.len()).filter_map(|place| counters.at(place));
        let mut found: Vec<_> = found.map(|(labels, n)| (labels.text().to_owned(), n)).collect();
        found.sort();
        let pair = |text: &str, n| (text.to_owned(), n);
        assert_eq!(found, [pair("", 4), pair("layer=\"a\"", 3), pair("layer=\"b\"", 1)]);
    }
}
