use crate::Breaker;

/// What an operator can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    ForceOpen,
    Disable,
    MetricsOnly,
    Auto,
    Reset,
    Suspect,
}

impl Order {
    pub(super) const WORDS: &'static str =
        "force_open, disable, metrics_only, auto, reset or suspect";

    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word {
            "force_open" => Self::ForceOpen,
            "disable" => Self::Disable,
            "metrics_only" => Self::MetricsOnly,
            "auto" => Self::Auto,
            "reset" => Self::Reset,
            "suspect" => Self::Suspect,
            _ => return None,
        })
    }

    pub(super) fn give(self, breaker: &Breaker) {
        match self {
            Self::ForceOpen => breaker.force_open(),
            Self::Disable => breaker.disable(),
            Self::MetricsOnly => breaker.metrics_only(),
            Self::Auto => breaker.auto(),
            Self::Reset => breaker.reset(),
            Self::Suspect => breaker.suspect(),
        }
    }
}
