use std::{
    array,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// How long calls took lately, in buckets that are 6 % wide.
pub(super) struct Window {
    buckets: [AtomicU32; BUCKETS],
    /// The most that were in flight at a time.
    peak: AtomicU32,
}

/// What a window showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) count: u32,
    /// Half of the calls took no longer, in nanoseconds. One that is slow by itself says little of
    /// the load.
    pub(super) median: f64,
    pub(super) peak: u32,
}

/// Sixteen for each doubling, from a microsecond to an hour.
const PER_DOUBLING: u32 = 16;
const FIRST_DOUBLING: u32 = 10;
const BUCKETS: usize = 32 * PER_DOUBLING as usize;

impl Window {
    pub(super) fn new() -> Self {
        Self { buckets: array::from_fn(|_| AtomicU32::new(0)), peak: AtomicU32::new(0) }
    }

    #[inline]
    pub(super) fn add(&self, time: Duration, in_flight: u32) {
        self.buckets[bucket(time)].fetch_add(1, Relaxed);
        // Most of the time it is no news, and a look is cheaper than a write.
        if self.peak.load(Relaxed) < in_flight {
            self.peak.fetch_max(in_flight, Relaxed);
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.buckets.iter().map(|it| it.load(Relaxed)).sum()
    }

    /// What it showed so far, from which it begins anew.
    pub(super) fn take(&self) -> Summary {
        let counts: [u32; BUCKETS] = array::from_fn(|at| self.buckets[at].swap(0, Relaxed));
        let count: u32 = counts.iter().sum();
        let mut before = 0;
        let middle = counts.iter().position(|here| {
            before += here;
            before * 2 >= count
        });
        Summary { count, median: middle_of(middle.unwrap_or(0)), peak: self.peak.swap(0, Relaxed) }
    }
}

#[inline]
fn bucket(time: Duration) -> usize {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let nanos = nanos.max(1 << FIRST_DOUBLING);
    let doubling = nanos.ilog2();
    // The four bits after the first.
    let part = (nanos >> (doubling - 4)) as u32 & (PER_DOUBLING - 1);
    (((doubling - FIRST_DOUBLING) * PER_DOUBLING + part) as usize).min(BUCKETS - 1)
}

fn middle_of(bucket: usize) -> f64 {
    let (doubling, part) = (bucket as u32 / PER_DOUBLING, bucket as u32 % PER_DOUBLING);
    let start = 2_f64.powi((doubling + FIRST_DOUBLING) as i32);
    start * (1.0 + (f64::from(part) + 0.5) / f64::from(PER_DOUBLING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_right_to_a_few_percent() {
        for micros in [2, 3, 10, 999, 12_345, 1_000_000, 3_000_000_000_u64] {
            let window = Window::new();
            for permille in [100, 1_000, 5_000] {
                window.add(Duration::from_micros(micros) * permille / 1_000, permille);
            }
            let summary = window.take();
            let expected = micros as f64 * 1_000.0;
            let off = (summary.median / expected - 1.0).abs();
            assert!(off < 0.04, "{micros}: {summary:?}");
            assert_eq!((summary.count, summary.peak), (3, 5_000));
            assert_eq!((window.count(), window.take().peak), (0, 0));
        }
    }

    #[test]
    fn no_time_is_out_of_range() {
        let window = Window::new();
        window.add(Duration::ZERO, 1);
        window.add(Duration::MAX, 1);
        assert_eq!(window.count(), 2);
    }
}
