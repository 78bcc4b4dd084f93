use std::time::Duration;

use http::Extensions;

use crate::Instant;

/// The moment by which the answer to a request must be there.
///
/// It travels in the extensions of a request, where each layer and handler may shorten it for what
/// it calls, never lengthen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at this moment.
    #[must_use]
    pub const fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// The deadline that a request carries.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }

    /// The moment itself.
    #[must_use]
    pub const fn moment(self) -> Instant {
        self.0
    }

    /// What remains at `now`: zero when the deadline has passed.
    #[must_use]
    pub const fn remaining(self, now: Instant) -> Duration {
        self.0.since(now)
    }
}
