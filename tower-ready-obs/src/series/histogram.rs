//! A histogram that threads count in at the same time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::bounds::Bounds;

/// The words of two lines of a cache, which some processors fetch together.
const WORDS: usize = 16;

#[repr(align(128))]
struct Line([AtomicU64; WORDS]);

/// Counts by bucket, and the sum. Each lane has lines of its own: with the bounds that
/// OpenTelemetry advises, the buckets and the sum fill exactly one.
pub(crate) struct Histogram {
    lines: Box<[Line]>,
    lines_per_lane: usize,
    buckets: usize,
}

impl Histogram {
    pub(crate) fn new(bounds: &Bounds, lanes: usize) -> Self {
        let buckets = bounds.buckets();
        let lines_per_lane = (buckets + 1).div_ceil(WORDS);
        let line = |_| Line(std::array::from_fn(|_| AtomicU64::new(0)));
        Self { lines: (0..lanes * lines_per_lane).map(line).collect(), lines_per_lane, buckets }
    }

    /// Counts a value in its bucket.
    #[inline]
    pub(crate) fn record(&self, lane: usize, bucket: usize, value: u64) {
        self.word(lane, bucket).fetch_add(1, Relaxed);
        self.word(lane, self.buckets).fetch_add(value, Relaxed);
    }

    /// Adds the counts of all lanes by bucket, and returns the sum of the values.
    ///
    /// Threads go on counting meanwhile, so a sum may be ahead of its count by those of the moment.
    pub(crate) fn read(&self, counts: &mut Vec<u64>) -> u64 {
        counts.clear();
        counts.resize(self.buckets, 0);
        let mut sum = 0_u64;
        for lane in 0..self.lines.len() / self.lines_per_lane {
            for (bucket, count) in counts.iter_mut().enumerate() {
                *count += self.word(lane, bucket).load(Relaxed);
            }
            sum = sum.wrapping_add(self.word(lane, self.buckets).load(Relaxed));
        }
        sum
    }

    #[inline]
    fn word(&self, lane: usize, word: usize) -> &AtomicU64 {
        &self.lines[lane * self.lines_per_lane + word / WORDS].0[word % WORDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_is_what_is_read() {
        let bounds = Bounds::semconv();
        let histogram = Histogram::new(&bounds, 2);
        std::thread::scope(|scope| {
            for lane in 0..4 {
                let (histogram, bounds) = (&histogram, &bounds);
                scope.spawn(move || {
                    for value in (0..10_000).map(|n| n * 2_000_000) {
                        histogram.record(lane % 2, bounds.bucket(value), value);
                    }
                });
            }
        });
        let mut counts = Vec::new();
        let sum = histogram.read(&mut counts);
        assert_eq!(counts.iter().sum::<u64>(), 40_000);
        assert_eq!(sum, 4 * (0..10_000_u64).map(|n| n * 2_000_000).sum::<u64>());
        assert_eq!(counts[0], 4 * 3);
    }
}
