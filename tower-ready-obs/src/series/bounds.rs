//! The upper bounds of a histogram's buckets.

use std::time::Duration;

/// The most bounds that a histogram may have.
pub(crate) const MAX_BOUNDS: usize = 64;

/// OpenTelemetry's advice for durations of requests and calls, in milliseconds.
const SEMCONV_MILLIS: [u64; 14] =
    [5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];

/// Bounds in the whole units in which we count: nanoseconds or bytes. The last bucket, which has
/// no bound, goes without saying.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    units: Box<[u64]>,
    /// How many of our units make one that is shown: a second has 10⁹ nanoseconds.
    pub(crate) scale: Scale,
    /// `le`, as text 0.0.4 has it, then as OpenMetrics does.
    texts: Box<[(Box<str>, Box<str>)]>,
}

/// In what we count, and what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Nanoseconds, shown as seconds.
    Seconds,
    /// Bytes, shown as bytes.
    Bytes,
}

impl Scale {
    /// A number of ours as the one that is shown.
    pub(crate) fn shown(self, units: u64) -> f64 {
        match self {
            Self::Seconds => units as f64 / 1e9,
            Self::Bytes => units as f64,
        }
    }
}

impl Bounds {
    /// What OpenTelemetry advises for durations.
    pub(crate) fn semconv() -> Self {
        Self::seconds(SEMCONV_MILLIS.map(Duration::from_millis))
    }

    /// Bounds of durations, in order.
    pub(crate) fn seconds(bounds: impl IntoIterator<Item = Duration>) -> Self {
        let nanos = |it: Duration| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX);
        Self::of(bounds.into_iter().map(nanos).collect(), Scale::Seconds)
    }

    /// Bounds of sizes: from 100 bytes to 100 MiB.
    pub(crate) fn sizes() -> Self {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        let bounds = [100, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 10 * MIB, 100 * MIB];
        Self::of(bounds.into(), Scale::Bytes)
    }

    fn of(units: Box<[u64]>, scale: Scale) -> Self {
        let text = |units: &u64| {
            let short = format!("{}", scale.shown(*units));
            let long = if short.contains('.') { short.clone() } else { format!("{short}.0") };
            (short.into(), long.into())
        };
        let mut texts: Vec<_> = units.iter().map(text).collect();
        texts.push(("+Inf".into(), "+Inf".into()));
        Self { units, scale, texts: texts.into() }
    }

    /// How many buckets these make.
    pub(crate) fn buckets(&self) -> usize {
        self.texts.len()
    }

    /// The bucket of a value: the first whose bound it does not exceed.
    #[inline]
    pub(crate) fn bucket(&self, value: u64) -> usize {
        // Few enough for a count of all to be quicker than a search, which branches.
        self.units.iter().map(|bound| usize::from(value > *bound)).sum()
    }

    /// The bound of a bucket as it is shown.
    pub(crate) fn bound(&self, bucket: usize) -> f64 {
        self.units.get(bucket).map_or(f64::INFINITY, |units| self.scale.shown(*units))
    }

    /// The bounds as they are shown, without the last.
    pub(crate) fn shown(&self) -> impl Iterator<Item = f64> {
        self.units.iter().map(|units| self.scale.shown(*units))
    }

    /// The bound of a bucket as text.
    pub(crate) fn text(&self, bucket: usize, open_metrics: bool) -> &str {
        let (short, long) = &self.texts[bucket];
        if open_metrics { long } else { short }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_to_its_bucket() {
        let bounds = Bounds::semconv();
        assert_eq!(bounds.bucket(0), 0);
        assert_eq!(bounds.bucket(5_000_000), 0);
        assert_eq!(bounds.bucket(5_000_001), 1);
        assert_eq!(bounds.bucket(10_000_000_000), 13);
        assert_eq!(bounds.bucket(u64::MAX), 14);
        assert_eq!(bounds.buckets(), 15);
    }

    #[test]
    fn bounds_are_written_as_both_formats_want_them() {
        let bounds = Bounds::semconv();
        assert_eq!((bounds.text(0, false), bounds.text(0, true)), ("0.005", "0.005"));
        assert_eq!((bounds.text(9, false), bounds.text(9, true)), ("1", "1.0"));
        assert_eq!((bounds.text(14, false), bounds.text(14, true)), ("+Inf", "+Inf"));
        assert_eq!(bounds.bound(10), 2.5);
        assert_eq!(Bounds::sizes().text(8, false), "104857600");
    }
}
