//! A trace that stands for a bucket.

use std::sync::atomic::{AtomicU64, Ordering::*, fence};

use http::{HeaderMap, HeaderValue};
use tower_ready_core::TraceId;

/// The trace of a sampled request, by its `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: u64,
}

/// What is shown of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exemplar {
    pub(crate) trace: Trace,
    /// In the units of the histogram.
    pub(crate) value: u64,
    /// When it was counted, in nanoseconds of our clock.
    pub(crate) at: u64,
}

/// The latest exemplar of a bucket. Writers that meet leave it to the first; readers that meet a
/// writer go without.
pub(crate) struct Slot {
    /// Odd while somebody writes; zero until somebody has.
    version: AtomicU64,
    words: [AtomicU64; 5],
}

impl Trace {
    /// The trace of these headers, if it is sampled: others are nowhere to be looked up.
    #[inline]
    pub(crate) fn sampled(headers: &HeaderMap) -> Option<Self> {
        static TRACEPARENT: http::HeaderName = TraceId::HEADER;
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let value = values.next()?;
        // §3.2: of two nobody knows which is meant.
        if values.next().is_none() { Self::of(value) } else { None }
    }

    fn of(value: &HeaderValue) -> Option<Self> {
        // W3C Trace Context §3.2.2.5.1: the lowest bit of the flags.
        let flags = value.as_bytes().get(54)?;
        if !matches!(flags, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f') {
            return None;
        }
        let trace_id = TraceId::from_value(value)?;
        let span_id = value.to_str().ok()?.get(36..52)?;
        Some(Self { trace_id, span_id: u64::from_str_radix(span_id, 16).ok()? })
    }
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self { version: AtomicU64::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    #[inline]
    pub(crate) fn write(&self, exemplar: &Exemplar) {
        let version = self.version.load(Relaxed);
        let is_free = version.is_multiple_of(2);
        if !is_free
            || self.version.compare_exchange(version, version + 1, Acquire, Relaxed).is_err()
        {
            return;
        }
        fence(Release);
        let id = exemplar.trace.trace_id.as_u128();
        let span = exemplar.trace.span_id;
        let words = [(id >> 64) as u64, id as u64, span, exemplar.value, exemplar.at];
        for (place, word) in self.words.iter().zip(words) {
            place.store(word, Relaxed);
        }
        self.version.store(version + 2, Release);
    }

    pub(crate) fn read(&self) -> Option<Exemplar> {
        let version = self.version.load(Acquire);
        if version == 0 || !version.is_multiple_of(2) {
            return None;
        }
        let words = [0, 1, 2, 3, 4].map(|n: usize| self.words[n].load(Relaxed));
        fence(Acquire);
        if self.version.load(Relaxed) != version {
            return None;
        }
        let [high, low, span_id, value, at] = words;
        let trace_id = TraceId::from(u128::from(high) << 64 | u128::from(low));
        Some(Exemplar { trace: Trace { trace_id, span_id }, value, at })
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicBool, thread};

    use super::*;

    fn exemplar(n: u64) -> Exemplar {
        let trace_id = TraceId::from(u128::from(n) << 64 | u128::from(n));
        Exemplar { trace: Trace { trace_id, span_id: n }, value: n, at: n }
    }

    #[test]
    fn only_a_sampled_trace_is_one() {
        let of = |value| Trace::of(&HeaderValue::from_static(value));
        let trace = of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(trace.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.span_id, 0xb7ad_6b71_6920_3331);
        assert!(of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03").is_some());
        for other in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn of_two_headers_none_is_one() {
        let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut headers = HeaderMap::new();
        headers.append("traceparent", HeaderValue::from_static(value));
        assert!(Trace::sampled(&headers).is_some());
        headers.append("traceparent", HeaderValue::from_static(value));
        assert_eq!(Trace::sampled(&headers), None);
    }

    #[test]
    fn a_slot_never_shows_a_mixture() {
        let slot = Slot::new();
        assert_eq!(slot.read(), None);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for first in [1, 2] {
                let (slot, stop) = (&slot, &stop);
                scope.spawn(move || {
                    for n in 0..200_000 {
                        slot.write(&exemplar(n * 2 + first));
                    }
                    stop.store(true, Relaxed);
                });
            }
            while !stop.load(Relaxed) {
                if let Some(read) = slot.read() {
                    assert_eq!(read, exemplar(read.value));
                }
            }
        });
        assert!(slot.read().is_some());
    }
}
