use std::{fmt, sync::Arc};

use tower_ready_core::{End, Guard};

use crate::bulkhead::Inner;

/// A slot, which is given back when this is dropped, whatever the reason.
pub(crate) struct Permit(Arc<Inner>);

/// What an exchange holds to its end: a slot, unless it needs none.
#[derive(Debug)]
pub(crate) struct Slot(#[expect(dead_code, reason = "it is held to be dropped")] Option<Permit>);

impl Permit {
    /// Of a slot that was taken.
    #[inline]
    pub(crate) const fn new(bulkhead: Arc<Inner>) -> Self {
        Self(bulkhead)
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.0.gate.give_back();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl Slot {
    pub(crate) const fn of(permit: Permit) -> Self {
        Self(Some(permit))
    }

    pub(crate) const fn none() -> Self {
        Self(None)
    }
}

/// However an exchange ends, its slot is free then.
impl Guard for Slot {
    fn end(self, _: End<'_>) {}
}
