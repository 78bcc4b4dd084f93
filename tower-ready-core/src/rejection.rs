/// Marks an answer that one of our layers made, in the extensions of the response.
///
/// A breaker, a retry or a metric must not take our own `429` or `503` for the failure of the
/// service behind us. Metrics use the two words as labels, so both come from a fixed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalRejection {
    by: &'static str,
    kind: &'static str,
}

impl LocalRejection {
    /// A rejection by a layer, named as its crate is (`ratelimit`), of a kind that it names.
    #[must_use]
    pub const fn new(by: &'static str, kind: &'static str) -> Self {
        Self { by, kind }
    }

    /// Who rejected: `auth`, `ratelimit`, `shed`, `deadline`, `breaker`, `shutdown`.
    #[must_use]
    pub const fn by(self) -> &'static str {
        self.by
    }

    /// Why, in one word of a fixed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        self.kind
    }
}
