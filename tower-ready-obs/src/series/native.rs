//! Native histograms: buckets that grow by a factor, so that nobody has to choose bounds.

use std::sync::atomic::{AtomicU64, Ordering::*};

/// Four buckets for each doubling: none is wider than 19 %.
pub(crate) const SCHEMA: i32 = 2;

/// Whatever took no longer than 2⁻²⁰ s, about a microsecond, counts as nothing.
pub(crate) const ZERO_THRESHOLD: f64 = 1.0 / (1_u64 << 20) as f64;

const PER_DOUBLING: i32 = 1 << SCHEMA;
const FIRST: i32 = -20 * PER_DOUBLING + 1;
/// Up to 2¹⁷ s, a day and a half; what takes longer counts there.
const LAST: i32 = 17 * PER_DOUBLING;
const BUCKETS: usize = (LAST - FIRST + 1) as usize;

/// Counts of durations by bucket.
pub(crate) struct Native {
    zero: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// The buckets that are not empty, as the protocol buffer has them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sparse {
    pub(crate) zero: u64,
    /// How far from the end of the one before, and how many.
    pub(crate) spans: Vec<(i32, u32)>,
    /// Counts, each as the difference from the one before.
    pub(crate) deltas: Vec<i64>,
}

impl Native {
    pub(crate) fn new() -> Self {
        Self { zero: AtomicU64::new(0), buckets: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    #[inline]
    pub(crate) fn record(&self, nanos: u64) {
        let seconds = nanos as f64 / 1e9;
        let counter = match seconds <= ZERO_THRESHOLD {
            true => &self.zero,
            false => &self.buckets[(index(seconds).clamp(FIRST, LAST) - FIRST) as usize],
        };
        // With `Acquire` below: whoever sees this has seen the bucket that was counted before it.
        counter.fetch_add(1, Release);
    }

    pub(crate) fn read(&self) -> Sparse {
        let mut sparse = Sparse { zero: self.zero.load(Acquire), ..Sparse::default() };
        let (mut end, mut before) = (0, 0_i64);
        for (index, bucket) in (FIRST..).zip(&self.buckets) {
            let count = bucket.load(Acquire) as i64;
            if count == 0 {
                continue;
            }
            match sparse.spans.last_mut() {
                Some((_, length)) if index == end => *length += 1,
                _ => sparse.spans.push((index - end, 1)),
            }
            end = index + 1;
            sparse.deltas.push(count - before);
            before = count;
        }
        sparse
    }
}

impl Sparse {
    /// How many values there are in all.
    pub(crate) fn count(&self) -> u64 {
        let mut bucket = 0;
        let counts = self.deltas.iter().map(|delta| {
            bucket += delta;
            bucket as u64
        });
        self.zero + counts.sum::<u64>()
    }
}

/// The bucket of a positive number: its upper bound is 2^(index / 4), its lower that of the one
/// below, which does not belong to it.
fn index(number: f64) -> i32 {
    /// 2^(-3/4), 2^(-2/4), 2^(-1/4): where a number between a half and one changes its bucket.
    const STEPS: [f64; 3] =
        [0.594_603_557_501_360_5, std::f64::consts::FRAC_1_SQRT_2, 0.840_896_415_253_714_6];
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = number.to_bits();
    let exponent = (bits >> 52) as i32 - 1022;
    let fraction = f64::from_bits(bits & MANTISSA | 1022 << 52);
    if fraction == 0.5 {
        return (exponent - 1) * PER_DOUBLING;
    }
    let step = STEPS.iter().map(|step| i32::from(fraction > *step)).sum::<i32>();
    (exponent - 1) * PER_DOUBLING + 1 + step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(index: i32) -> f64 {
        f64::powf(2.0, f64::from(index) / f64::from(PER_DOUBLING))
    }

    #[test]
    fn powers_of_two_are_upper_bounds() {
        for power in -20..=17 {
            let number = f64::powi(2.0, power);
            assert_eq!(index(number), power * PER_DOUBLING);
            assert_eq!(index(number.next_up()), power * PER_DOUBLING + 1);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_number_lies_within_its_bucket(nanos in 1_000_u64..100_000_000_000_000) {
            let number = nanos as f64 / 1e9;
            let index = index(number);
            assert!(number <= bound(index) * (1.0 + 1e-12), "{number} in {index}");
            assert!(number > bound(index - 1) * (1.0 - 1e-12), "{number} in {index}");
        }
    }

    #[test]
    fn only_buckets_that_are_not_empty_are_told() {
        let native = Native::new();
        for nanos in [0, 500, 1_000_000_000, 1_000_000_000, 1_100_000_000, 8_000_000_000] {
            native.record(nanos);
        }
        let sparse = Sparse { zero: 2, spans: vec![(0, 2), (10, 1)], deltas: vec![2, -1, 0] };
        assert_eq!(native.read(), sparse);
        assert_eq!(sparse.count(), 6);
        native.record(u64::MAX);
        assert_eq!(native.read().spans.last(), Some(&(LAST - 13, 1)));
    }
}
