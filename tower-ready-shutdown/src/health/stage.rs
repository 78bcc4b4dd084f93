//! The phase of the process that health tells of.

use crate::{Lifecycle, Phase, Phases};

/// A process without a lifecycle is always ready.
#[derive(Clone, Debug)]
pub(super) struct Follow(Option<Phases>);

impl Follow {
    pub(super) const fn nobody() -> Self {
        Self(None)
    }

    pub(super) fn lifecycle(lifecycle: &Lifecycle) -> Self {
        Self(Some(lifecycle.phases()))
    }

    pub(super) fn phase(&self) -> Phase {
        self.0.as_ref().map_or(Phase::Ready, Phases::phase)
    }

    pub(super) async fn changed(&mut self) {
        match &mut self.0 {
            Some(phases) => {
                phases.changed().await;
            }
            None => std::future::pending().await,
        }
    }
}
