/// How important a call is, the least first.
///
/// A bulkhead keeps a part of its slots for what is more important, and lets it wait in front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "shares and events are about each of the three")]
pub enum Priority {
    /// What nobody waits for: crawlers, prefetches, batches.
    Low,
    /// The rule.
    #[default]
    Normal,
    /// What has to work when nothing else does: a checkout, an alarm.
    High,
}

impl Priority {
    /// One word, for labels: `low`, `normal`, `high`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}
