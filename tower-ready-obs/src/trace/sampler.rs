use tower_ready_core::TraceId;

use crate::{ConfigError, ConfigErrorKind, TraceContext};

/// Chooses a share of all traces, the same ones in every service that has the same share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampler {
    /// What the random part of an id has to reach.
    threshold: u64,
}

/// How many values the random part has: seven bytes (W3C Trace Context level 2, §3.2.2.3).
const ALL: u64 = 1 << 56;

impl Sampler {
    /// Chooses this share.
    pub(crate) fn new(ratio: f64, setting: &'static str) -> Result<Self, ConfigError> {
        if (0.0..=1.0).contains(&ratio) {
            let threshold = ((1.0 - ratio) * ALL as f64) as u64;
            Ok(Self { threshold })
        } else {
            Err(ConfigError::new(ConfigErrorKind::Ratio(setting)))
        }
    }

    /// A trace that begins here, chosen or not.
    pub(super) fn root(self) -> TraceContext {
        let root = TraceContext::root();
        let is_chosen = self.chooses(root.trace_id());
        root.sampled(is_chosen)
    }

    pub(crate) fn chooses(self, trace_id: TraceId) -> bool {
        trace_id.as_u128() as u64 % ALL >= self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_all_are_exact_and_half_is_about_half() {
        let chosen = |ratio| {
            let sampler = Sampler::new(ratio, "sample").unwrap();
            (0..4_000).filter(|_| sampler.chooses(TraceContext::root().trace_id())).count()
        };
        assert_eq!(chosen(0.0), 0);
        assert_eq!(chosen(1.0), 4_000);
        assert!((1_600..2_400).contains(&chosen(0.5)));
        assert!(Sampler::new(1.0, "sample").unwrap().chooses(TraceId::from(1)));
    }

    #[test]
    fn whoever_chooses_fewer_chooses_of_the_same() {
        let (tenth, half) = (Sampler::new(0.1, "sample"), Sampler::new(0.5, "sample"));
        let (tenth, half) = (tenth.unwrap(), half.unwrap());
        for _ in 0..4_000 {
            let id = TraceContext::root().trace_id();
            assert!(!tenth.chooses(id) || half.chooses(id));
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Sampler::new(ratio, "sample").is_err(), "{ratio}");
        }
    }
}
