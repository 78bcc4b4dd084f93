use std::fmt;

use tokio::sync::watch;

use crate::{Lifecycle, Phase};

/// Watches the phases of a [`Lifecycle`].
///
/// It sees the latest phase, not each: one that is over before anybody looks is not told.
#[derive(Clone)]
#[must_use = "nothing is seen unless it is asked"]
pub struct Phases {
    receiver: watch::Receiver<Phase>,
    // The sender, so that it cannot go away.
    lifecycle: Lifecycle,
}

impl Phases {
    pub(crate) const fn new(receiver: watch::Receiver<Phase>, lifecycle: Lifecycle) -> Self {
        Self { receiver, lifecycle }
    }

    /// The phase right now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.lifecycle.phase()
    }

    /// The next phase that this has not seen yet. May be dropped and called again.
    pub async fn changed(&mut self) -> Phase {
        // The sender is ours, so this cannot fail.
        let _ = self.receiver.changed().await;
        *self.receiver.borrow_and_update()
    }

    /// The first phase from now on of which this holds, perhaps the present one.
    pub async fn until(&mut self, mut holds: impl FnMut(Phase) -> bool) -> Phase {
        let found = self.receiver.wait_for(|phase| holds(*phase)).await.map(|phase| *phase);
        match found {
            Ok(phase) => phase,
            // As above.
            Err(_) => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Phases").field(&self.phase()).finish()
    }
}
