use crate::Permit;

/// A permit between the polls of its call.
///
/// Whoever drops it then gives the call up, though a panic of their own may be the reason, for which
/// the peer is not to blame.
#[derive(Debug)]
pub(crate) struct Parked(Option<Permit>);

impl Parked {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) const fn new(permit: Permit) -> Self {
        Self(Some(permit))
    }

    /// To be held while the call is polled: it counts as failed if that panics.
    #[inline]
    pub(crate) const fn take(&mut self) -> Option<Permit> {
        self.0.take()
    }

    /// The call waits.
    #[inline]
    pub(crate) fn park(&mut self, mut permit: Permit) {
        permit.waits();
        self.0 = Some(permit);
    }
}

impl Drop for Parked {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = &mut self.0 {
            permit.give_up(true, None);
        }
    }
}
